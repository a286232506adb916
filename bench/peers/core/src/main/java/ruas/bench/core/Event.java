package ruas.bench.core;

/** What the rules look at in one event. */
public final class Event {
    /** The types of events that a rule looks at; all others are {@link #OTHER}. */
    public enum Kind { PRODUCT_VIEW, CART_ADD, PURCHASE, DEVICE_SEEN, OTHER }

    public final Kind kind;
    /** The event's id. */
    public final String id;
    /** Milliseconds since the epoch. */
    public final long time;
    /** A purchase's amount in cents; 0 for other kinds. */
    public final long cents;
    /** A product view's category, null for other kinds or where it has none. */
    public final String category;
    /** Whether a device seen is a phone. */
    public final boolean phone;

    public Event(Kind kind, String id, long time, long cents, String category, boolean phone) {
        this.kind = kind;
        this.id = id;
        this.time = time;
        this.cents = cents;
        this.category = category;
        this.phone = phone;
    }
}
