package ruas.bench.core;

import java.util.Arrays;

/**
 * What the rules keep of one customer, and the rules themselves, by hand. Time is an argument everywhere: milliseconds since
 * the epoch. Changes go to a {@link Changes}. Not for concurrent use.
 *
 * <p>A window of d holds the events with now - d < time <= now. Before an event is stepped at a moment, every customer whose
 * {@link #deadline} is before that moment is to be fired, in order; a deadline at that very moment is met by the step.
 */
public final class CustomerState {
    private static final byte VERSION = 1;
    private static final int PURCHASES = 1;
    private static final int VIEWS = 2;
    private static final int CARTS = 4;
    private static final int DEVICE = 8;
    private static final int PHONE = 16;

    private static final ThreadLocal<Bytes> BUFFER = ThreadLocal.withInitial(() -> new Bytes(new byte[4096], 0));

    /** The number of changes a segment; an odd number means a member. */
    private final int[] seqs = new int[Segments.COUNT];
    private Purchases purchases;
    private Views views;
    private Carts carts;
    private boolean device;
    private long deviceSeen;
    private boolean phone;
    private long deadline = Long.MAX_VALUE;

    /** A customer before the first event. */
    public CustomerState() {}

    /**
     * Applies an event and decides every segment at now.
     *
     * @param now the clock, already moved to at least the event's time
     * @return whether anything changed, so that the state is to be stored
     */
    public boolean step(Event e, long now, Changes out) {
        boolean due = deadline <= now;
        switch (e.kind) {
            case PRODUCT_VIEW -> {
                if (views == null) {
                    views = new Views();
                }
                views.add(e.time, e.category);
                views.decide(this, now, e.id, out);
            }
            case CART_ADD -> {
                if (carts == null) {
                    carts = new Carts();
                }
                carts.add(e.time, purchases);
                carts.decide(this, now, e.id, out);
            }
            case PURCHASE -> {
                if (purchases == null) {
                    purchases = new Purchases();
                }
                purchases.add(e.time, e.cents);
                purchases.decide(this, now, e.id, out);
                if (carts != null && !carts.isEmpty()) {
                    carts.purchased(e.time);
                    carts.decide(this, now, e.id, out);
                }
            }
            case DEVICE_SEEN -> {
                if (!device || e.time >= deviceSeen) {
                    device = true;
                    deviceSeen = e.time;
                    phone = e.phone;
                    decide(Segments.PHONE_USER, phone, now, e.id, out);
                }
            }
            default -> {
                if (!due) {
                    return false;
                }
            }
        }
        if (due) {
            decideDue(now, e.id, out);
        }
        deadline = nextDeadline();
        return true;
    }

    /** Decides what time alone changes at a moment, which is the deadline. */
    public void fire(long moment, Changes out) {
        decideDue(moment, null, out);
        deadline = nextDeadline();
    }

    /** The first moment at which time alone may change an answer; Long.MAX_VALUE: never. */
    public long deadline() {
        return deadline;
    }

    /** The state as bytes, a few hundred for most customers. */
    public byte[] encode() {
        Bytes to = BUFFER.get();
        to.at = 0;
        to.write(VERSION);
        to.write((purchases != null ? PURCHASES : 0) | (views != null ? VIEWS : 0) | (carts != null ? CARTS : 0)
                | (device ? DEVICE : 0) | (phone ? PHONE : 0));
        for (int seq : seqs) {
            to.write(seq);
        }
        if (device) {
            to.write(deviceSeen);
        }
        if (carts != null) {
            carts.encode(to);
        }
        if (views != null) {
            views.encode(to);
        }
        if (purchases != null) {
            purchases.encode(to);
        }
        return Arrays.copyOf(to.array, to.at);
    }

    /**
     * The state that {@link #encode} wrote to length bytes from an index on. The state keeps the array and does not change it.
     *
     * @throws IllegalArgumentException where the bytes are of another version
     */
    public static CustomerState decode(byte[] array, int from, int length) {
        Bytes in = new Bytes(array, from);
        if (length == 0 || in.read() != VERSION) {
            throw new IllegalArgumentException("a customer's state of an unknown version");
        }
        CustomerState c = new CustomerState();
        int parts = (int) in.read();
        for (int i = 0; i < Segments.COUNT; i++) {
            c.seqs[i] = (int) in.read();
        }
        c.phone = (parts & PHONE) != 0;
        if ((parts & DEVICE) != 0) {
            c.device = true;
            c.deviceSeen = in.read();
        }
        if ((parts & CARTS) != 0) {
            c.carts = Carts.decode(in);
        }
        if ((parts & VIEWS) != 0) {
            c.views = Views.decode(in);
        }
        if ((parts & PURCHASES) != 0) {
            c.purchases = Purchases.decode(in);
        }
        c.deadline = c.nextDeadline();
        return c;
    }

    void decide(int segment, boolean in, long now, String eventId, Changes out) {
        if ((seqs[segment] & 1) == 1 != in) {
            out.change(segment, ++seqs[segment], now, eventId);
        }
    }

    private void decideDue(long now, String eventId, Changes out) {
        if (carts != null && carts.deadline <= now) {
            carts.decide(this, now, eventId, out);
        }
        if (views != null && views.deadline <= now) {
            views.decide(this, now, eventId, out);
        }
        if (purchases != null && purchases.deadline <= now) {
            purchases.decide(this, now, eventId, out);
        }
    }

    private long nextDeadline() {
        long next = Long.MAX_VALUE;
        if (carts != null) {
            next = carts.deadline;
        }
        if (views != null) {
            next = Math.min(next, views.deadline);
        }
        if (purchases != null) {
            next = Math.min(next, purchases.deadline);
        }
        return next;
    }
}
