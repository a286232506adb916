package ruas.bench.flink;

import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.TimerService;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import ruas.bench.core.ChangeEncoder;
import ruas.bench.core.Changes;
import ruas.bench.core.CustomerState;

/**
 * Keeps each customer's state and makes the changes, as records of a key and a value.
 *
 * <p>An event waits in the customer's state until the watermark has passed it, so that events and deadlines of one customer are
 * taken in order of time, from whichever topics they came and in whichever order. What wakes a customer is a timer at the first
 * of its waiting events or at its deadline; when one goes off, everything up to the watermark is taken at once. So a customer
 * costs about one timer a watermark, not one an event.
 */
final class Segmentation extends KeyedProcessFunction<String, CustomerEvent, Tuple2<byte[], byte[]>> implements Changes {
    private static final long serialVersionUID = 1;

    private transient ValueState<Held> customers;
    private transient ChangeEncoder encoder;
    private transient Tuple2<byte[], byte[]> record;
    private transient String customer;
    private transient Collector<Tuple2<byte[], byte[]>> out;

    @Override
    public void open(OpenContext context) {
        customers = getRuntimeContext().getState(new ValueStateDescriptor<>("customers", Held.TYPE));
        encoder = new ChangeEncoder();
        record = new Tuple2<>();
    }

    @Override
    public void processElement(CustomerEvent e, Context context, Collector<Tuple2<byte[], byte[]>> to) throws Exception {
        Held held = customers.value();
        if (held == null) {
            held = new Held(new CustomerState());
        }
        held.add(e.event);
        long time = e.event.time;
        if (time < held.eventTimer && time < held.deadlineTimer) {
            held.eventTimer = time;
            context.timerService().registerEventTimeTimer(time);
        }
        customers.update(held);
    }

    @Override
    public void onTimer(long moment, OnTimerContext context, Collector<Tuple2<byte[], byte[]>> to) throws Exception {
        Held held = customers.value();
        if (moment >= held.eventTimer) {
            held.eventTimer = Held.NEVER;
        }
        if (moment >= held.deadlineTimer) {
            held.deadlineTimer = Held.NEVER;
        }
        TimerService timers = context.timerService();
        customer = context.getCurrentKey();
        record.f0 = null;
        out = to;
        held.advance(timers.currentWatermark(), this);
        long deadline = held.state.deadline();
        if (deadline < held.deadlineTimer) {
            held.deadlineTimer = deadline;
            timers.registerEventTimeTimer(deadline);
        }
        long first = held.first();
        if (first < held.eventTimer && first < held.deadlineTimer) {
            held.eventTimer = first;
            timers.registerEventTimeTimer(first);
        }
        customers.update(held);
    }

    @Override
    public void change(int segment, int seq, long time, String eventId) {
        if (record.f0 == null) {
            record.f0 = customer.getBytes(StandardCharsets.UTF_8);
        }
        record.f1 = encoder.encode(customer, segment, seq, time, eventId);
        out.collect(record);
    }
}
