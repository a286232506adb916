package ruas.bench.flink;

import java.util.Arrays;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import ruas.bench.core.Changes;
import ruas.bench.core.CustomerState;
import ruas.bench.core.Event;

/**
 * What is held of one customer: the state, the events that the watermark has not passed yet, in order of time, and the moments of
 * the timers that wake it.
 */
final class Held {
    static final TypeInformation<Held> TYPE = new SerializedType<>(Held.class, new HeldSerializer());
    static final long NEVER = Long.MAX_VALUE;

    private static final Event[] NONE = {};

    final CustomerState state;
    Event[] waiting = NONE;
    int size;
    /** The first timer that is set for an event; NEVER where there is none. */
    long eventTimer = NEVER;
    /**
     * The first timer that is set for a deadline; NEVER where there is none. A deadline that moves later leaves it where it is: it is
     * set anew once it has gone off, which comes to a fraction of a timer an event.
     */
    long deadlineTimer = NEVER;

    Held(CustomerState state) {
        this.state = state;
    }

    /** Adds an event to those that wait, after those that are not later. */
    void add(Event e) {
        if (size == waiting.length) {
            waiting = Arrays.copyOf(waiting, Math.max(2, 2 * size));
        }
        int i = size++;
        for (; i > 0 && waiting[i - 1].time > e.time; i--) {
            waiting[i] = waiting[i - 1];
        }
        waiting[i] = e;
    }

    /** The time of the first event that waits. */
    long first() {
        return size == 0 ? NEVER : waiting[0].time;
    }

    /** Takes everything up to the watermark into the state, events and deadlines in order of time. */
    void advance(long watermark, Changes out) {
        int taken = 0;
        for (;;) {
            long next = taken == size ? NEVER : waiting[taken].time;
            long deadline = state.deadline();
            if (Math.min(next, deadline) > watermark || next == deadline && next == NEVER) {
                break;
            }
            if (deadline < next) {
                state.fire(deadline, out);
            } else {
                state.step(waiting[taken++], next, out);
            }
        }
        if (taken > 0) {
            System.arraycopy(waiting, taken, waiting, 0, size - taken);
            Arrays.fill(waiting, size - taken, size, null);
            size -= taken;
            if (size == 0 && waiting.length > 8) {
                waiting = NONE;
            }
        }
    }
}
