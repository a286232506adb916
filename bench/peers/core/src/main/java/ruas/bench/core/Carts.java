package ruas.bench.core;

/** One customer's carts of the last day that no purchase followed within half an hour, so far or at all. */
final class Carts {
    private static final long WAIT = 30 * Time.MINUTE;
    private static final long WINDOW = Time.DAY;

    /** The first moment at which time alone may change an answer; Long.MAX_VALUE: never. */
    long deadline = Long.MAX_VALUE;

    private final Ring open;

    Carts() {
        open = new Ring(false, 4);
    }

    private Carts(Bytes from) {
        deadline = from.readDeadline();
        int n = (int) from.read();
        open = new Ring(false, n + 1);
        long time = 0;
        for (int i = 0; i < n; i++) {
            time += from.read();
            open.add(time, 0);
        }
    }

    static Carts decode(Bytes from) {
        return new Carts(from);
    }

    void encode(Bytes to) {
        to.writeDeadline(deadline);
        to.write(open.size());
        long last = 0;
        for (int i = 0; i < open.size(); i++) {
            to.write(open.time(i) - last);
            last = open.time(i);
        }
    }

    boolean isEmpty() {
        return open.size() == 0;
    }

    /** Adds a cart, unless a purchase followed it already (which only a late cart can find). */
    void add(long time, Purchases purchases) {
        if (purchases == null || !purchases.any(time, time + WAIT)) {
            open.add(time, 0);
        }
    }

    /** Closes the carts that a purchase follows: cart < purchase <= cart + wait. */
    void purchased(long time) {
        open.remove(open.firstAt(time - WAIT), open.firstAt(time));
    }

    void decide(CustomerState customer, long now, String eventId, Changes out) {
        while (open.size() > 0 && open.time(0) <= now - WINDOW) {
            open.removeOldest();
        }
        // The oldest carts are those whose wait is over; the newest of these keeps the customer in for longest.
        int over = open.size();
        while (over > 0 && open.time(over - 1) + WAIT > now) {
            over--;
        }
        boolean abandoned = over > 0;
        if (abandoned) {
            deadline = open.time(over - 1) + WINDOW;
        } else {
            deadline = open.size() > 0 ? open.time(0) + WAIT : Long.MAX_VALUE;
        }
        customer.decide(Segments.CART_ABANDONER, abandoned, now, eventId, out);
    }
}
