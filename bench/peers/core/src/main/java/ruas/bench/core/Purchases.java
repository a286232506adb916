package ruas.bench.core;

/**
 * One customer's purchases: how many ever, the newest, and those of the longest window. The window is read from its encoding
 * only when a purchase or a deadline asks for it; most events do not. Amounts are not negative.
 */
final class Purchases {
    private static final long LONGEST = 60 * Time.DAY;

    private static final long MONTH = 30 * Time.DAY;
    private static final long FORTNIGHT = 14 * Time.DAY;
    private static final long BIG = 1000_00;
    private static final int FREQUENT = 5;
    private static final long PREMIUM = 150_00;

    /** The first moment at which time alone may change an answer; Long.MAX_VALUE: never. */
    long deadline = Long.MAX_VALUE;

    private long total;
    private long newest;
    private Ring window;
    private long sum;
    /** The encoded window as long as nobody asked for it, else null. */
    private byte[] encoded;
    private int encodedAt;
    private int encodedLength;

    Purchases() {
        window = new Ring(true, 4);
    }

    private Purchases(Bytes from) {
        total = from.read();
        newest = from.read();
        deadline = from.readDeadline();
        encodedLength = (int) from.read();
        encoded = from.array;
        encodedAt = from.at;
        from.at += encodedLength;
    }

    static Purchases decode(Bytes from) {
        return new Purchases(from);
    }

    void encode(Bytes to) {
        to.write(total);
        to.write(newest);
        to.writeDeadline(deadline);
        if (encoded != null) {
            to.write(encodedLength);
            to.write(encoded, encodedAt, encodedLength);
            return;
        }
        Bytes section = new Bytes(new byte[8 * window.size() + 16], 0);
        section.write(window.size());
        long last = 0;
        for (int i = 0; i < window.size(); i++) {
            section.write(window.time(i) - last);
            section.write(window.value(i));
            last = window.time(i);
        }
        to.write(section.at);
        to.write(section.array, 0, section.at);
    }

    void add(long time, long cents) {
        decodeWindow();
        newest = total == 0 ? time : Math.max(newest, time);
        total++;
        window.add(time, cents);
        sum += cents;
    }

    /** Whether there is a purchase with after < time <= until. */
    boolean any(long after, long until) {
        if (total == 0 || newest <= after) {
            return false;
        }
        decodeWindow();
        int i = window.firstAt(after + 1);
        return i < window.size() && window.time(i) <= until;
    }

    void decide(CustomerState customer, long now, String eventId, Changes out) {
        decodeWindow();
        while (window.size() > 0 && window.time(0) <= now - LONGEST) {
            sum -= window.value(0);
            window.removeOldest();
        }
        int n = window.size();
        deadline = Long.MAX_VALUE;

        // The fewest newest purchases that make the sum: a member leaves when the oldest of these does.
        int i = n;
        long spent = 0;
        while (i > 0 && spent < BIG) {
            spent += window.value(--i);
        }
        boolean big = spent >= BIG && until(window.time(i) + MONTH, now);
        boolean frequent = n >= FREQUENT && until(window.time(n - FREQUENT) + MONTH, now);
        boolean lapsed = total > 0 && !until(newest + FORTNIGHT, now);
        boolean premium = n > 0 && total >= 2 && sum >= PREMIUM * n;
        if (n > 0 && total >= 2) {
            // The average may pass the limit in either direction whenever a purchase leaves the window.
            until(window.time(0) + LONGEST, now);
        }
        customer.decide(Segments.BIG_SPENDER, big, now, eventId, out);
        customer.decide(Segments.FREQUENT_BUYER, frequent, now, eventId, out);
        customer.decide(Segments.LAPSED, lapsed, now, eventId, out);
        customer.decide(Segments.LOYAL, total >= 10, now, eventId, out);
        customer.decide(Segments.NEW_BUYER, total == 1 || total == 2, now, eventId, out);
        customer.decide(Segments.PREMIUM, premium, now, eventId, out);
    }

    /** Whether end is still to come; it is then a deadline. */
    private boolean until(long end, long now) {
        if (end <= now) {
            return false;
        }
        deadline = Math.min(deadline, end);
        return true;
    }

    private void decodeWindow() {
        if (encoded == null) {
            return;
        }
        Bytes from = new Bytes(encoded, encodedAt);
        int n = (int) from.read();
        window = new Ring(true, n + 1);
        long time = 0;
        for (int i = 0; i < n; i++) {
            time += from.read();
            long cents = from.read();
            window.add(time, cents);
            sum += cents;
        }
        encoded = null;
    }
}
