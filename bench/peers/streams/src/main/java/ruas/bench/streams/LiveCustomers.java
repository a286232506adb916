package ruas.bench.streams;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.StateRestoreCallback;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.query.Position;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.internals.CacheFlushListener;
import org.apache.kafka.streams.state.internals.CachedStateStore;
import ruas.bench.core.CustomerState;
import ruas.bench.core.Timers;
import ruas.bench.core.Timers.Timer;

/**
 * Customers as live objects: a store of one's own. An event is stepped on the object itself; a customer who changed since the
 * last commit is encoded once, at the next, and sent to the changelog in the commit's transaction. Kafka Streams has no public
 * interface for this: a store that is a CachedStateStore is flushed before the producer at a commit, and logChange is how its
 * own stores write to their changelogs.
 */
final class LiveCustomers implements StateStore, CachedStateStore<Object, Object>, Customers {
    private static final class Live extends Timer {
        private final Bytes key;
        private CustomerState state = new CustomerState();
        private boolean dirty;

        Live(String customer, byte[] key) {
            super(customer);
            this.key = Bytes.wrap(key);
        }
    }

    private final String name;
    private final Map<String, Live> byName = new HashMap<>();
    private final List<Live> dirty = new ArrayList<>();
    private final Timers timers = new Timers();
    private InternalProcessorContext<?, ?> context;
    private boolean open;

    private LiveCustomers(String name) {
        this.name = name;
    }

    static StoreBuilder<LiveCustomers> builder(String name) {
        return new Builder(name);
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
        return add(customer, customer.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public CustomerState load(Timer customer) {
        return ((Live) customer).state;
    }

    @Override
    public void store(Timer customer, CustomerState state) {
        Live live = (Live) customer;
        if (!live.dirty) {
            live.dirty = true;
            dirty.add(live);
        }
        timers.set(live, state.deadline());
    }

    @Override
    public void flushCache() {
        for (Live live : dirty) {
            live.dirty = false;
            context.logChange(name, live.key, live.state.encode(), context.currentSystemTimeMs(), new RecordHeaders(),
                    Position.emptyPosition());
        }
        dirty.clear();
    }

    @Override
    public void init(StateStoreContext context, StateStore root) {
        this.context = (InternalProcessorContext<?, ?>) context;
        context.register(root, (StateRestoreCallback) this::restore);
        open = true;
    }

    @Override
    public void close() {
        clearCache();
        byName.clear();
        timers.clear();
        open = false;
    }

    @Override
    public void clearCache() {
        dirty.clear();
    }

    @Override
    public boolean setFlushListener(CacheFlushListener<Object, Object> listener, boolean sendOldValues) {
        return false;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean persistent() {
        return false;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    private void restore(byte[] key, byte[] value) {
        String customer = new String(key, StandardCharsets.UTF_8);
        Live live = byName.get(customer);
        if (live == null) {
            live = add(customer, key);
        }
        live.state = CustomerState.decode(value, 0, value.length);
        timers.set(live, live.state.deadline());
    }

    private Live add(String customer, byte[] key) {
        Live live = new Live(customer, key);
        byName.put(customer, live);
        return live;
    }

    /** Makes a store a task, with a changelog. */
    private record Builder(String name) implements StoreBuilder<LiveCustomers> {
        @Override
        public LiveCustomers build() {
            return new LiveCustomers(name);
        }

        @Override
        public boolean loggingEnabled() {
            return true;
        }

        @Override
        public Map<String, String> logConfig() {
            return Map.of();
        }

        @Override
        public StoreBuilder<LiveCustomers> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<LiveCustomers> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<LiveCustomers> withLoggingEnabled(Map<String, String> config) {
            return this;
        }

        @Override
        public StoreBuilder<LiveCustomers> withLoggingDisabled() {
            return this;
        }
    }
}
