package ruas.bench.streams;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import ruas.bench.core.CustomerState;
import ruas.bench.core.Timers;
import ruas.bench.core.Timers.Timer;

/** Customers in Kafka Streams' own store: RocksDB behind the record cache, with a changelog. Deadlines are in memory. */
final class RocksCustomers implements Customers {
    private static final Serde<CustomerState> STATE = Serdes.serdeFrom(
            (topic, state) -> state == null ? null : state.encode(),
            (topic, bytes) -> bytes == null ? null : CustomerState.decode(bytes, 0, bytes.length));

    private final KeyValueStore<String, CustomerState> store;
    private final Map<String, Timer> byName = new HashMap<>();
    private final Timers timers = new Timers();

    private RocksCustomers(KeyValueStore<String, CustomerState> store) {
        this.store = store;
        try (KeyValueIterator<String, CustomerState> all = store.all()) {
            while (all.hasNext()) {
                KeyValue<String, CustomerState> restored = all.next();
                timers.set(add(restored.key), restored.value.deadline());
            }
        }
    }

    static StoreBuilder<KeyValueStore<String, CustomerState>> builder(String name) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), Serdes.String(), STATE).withCachingEnabled();
    }

    static RocksCustomers open(ProcessorContext<?, ?> context, String name) {
        return new RocksCustomers(context.getStateStore(name));
    }

    @Override
    public Timers timers() {
        return timers;
    }

    @Override
    public Timer find(String customer) {
        return byName.get(customer);
    }

    @Override
    public Timer add(String customer) {
        Timer timer = new Timer(customer);
        byName.put(customer, timer);
        return timer;
    }

    @Override
    public CustomerState load(Timer customer) {
        CustomerState state = store.get(customer.customer);
        return state == null ? new CustomerState() : state;
    }

    @Override
    public void store(Timer customer, CustomerState state) {
        store.put(customer.customer, state);
        timers.set(customer, state.deadline());
    }
}
