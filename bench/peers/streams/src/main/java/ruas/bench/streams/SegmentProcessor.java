package ruas.bench.streams;

import java.util.function.Function;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import ruas.bench.core.ChangeEncoder;
import ruas.bench.core.Changes;
import ruas.bench.core.CustomerState;
import ruas.bench.core.Event;
import ruas.bench.core.Timers;
import ruas.bench.core.Timers.Timer;

/**
 * Steps the customers of one task by their events. Before an event at t, everything due before t happens, in order, so
 * deadlines are exact in event time; Kafka Streams' punctuations are not: they run between records, at whatever the time is by
 * then.
 */
final class SegmentProcessor implements Processor<String, Event, String, byte[]>, Changes {
    private final Function<ProcessorContext<?, ?>, Customers> open;
    private final ChangeEncoder encoder = new ChangeEncoder();
    private ProcessorContext<String, byte[]> context;
    private Customers customers;
    private Timers timers;
    private long clock;
    private String customer;

    SegmentProcessor(Function<ProcessorContext<?, ?>, Customers> open) {
        this.open = open;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        customers = open.apply(context);
        timers = customers.timers();
        // Kafka Streams commits each partition's time along with its offset.
        clock = context.currentStreamTimeMs();
    }

    @Override
    public void process(Record<String, Event> record) {
        Event e = record.value();
        if (e.time > clock) {
            fire(e.time);
            clock = e.time;
        }
        customer = record.key();
        Timer timer = customers.find(customer);
        if (e.kind == Event.Kind.OTHER && (timer == null || timer.at() > clock)) {
            return;
        }
        if (timer == null) {
            timer = customers.add(customer);
        }
        CustomerState state = customers.load(timer);
        if (state.step(e, clock, this)) {
            customers.store(timer, state);
        }
    }

    @Override
    public void change(int segment, int seq, long time, String eventId) {
        byte[] change = encoder.encode(customer, segment, seq, time, eventId);
        context.forward(new Record<>(customer, change, context.currentSystemTimeMs()));
    }

    private void fire(long before) {
        for (Timer timer = timers.due(before); timer != null; timer = timers.due(before)) {
            customer = timer.customer;
            CustomerState state = customers.load(timer);
            state.fire(timer.at(), this);
            customers.store(timer, state);
        }
    }
}
