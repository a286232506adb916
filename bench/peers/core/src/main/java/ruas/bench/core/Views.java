package ruas.bench.core;

/**
 * What is left of one customer's product views: the five newest moments, and the eight categories seen last, each with its
 * newest view. No rule can ask for an older one again, as windows only move on.
 */
final class Views {
    private static final int HEAVY = 5;
    private static final int WIDE = 8;
    private static final long WEEK = 7 * Time.DAY;

    /** The first moment at which time alone changes an answer; Long.MAX_VALUE: never. */
    long deadline = Long.MAX_VALUE;

    /** Oldest first. */
    private final long[] newest = new long[HEAVY];
    private int views;
    /** In order of their newest views, the one seen longest ago first. */
    private final String[] categories = new String[WIDE];
    private final long[] seen = new long[WIDE];
    private int size;

    Views() {}

    static Views decode(Bytes from) {
        Views v = new Views();
        v.deadline = from.readDeadline();
        int counts = (int) from.read();
        v.views = counts >>> 4;
        v.size = counts & 15;
        long time = 0;
        for (int i = 0; i < v.views; i++) {
            time += from.readSigned();
            v.newest[i] = time;
        }
        for (int i = v.size - 1; i >= 0; i--) {
            time += from.readSigned();
            v.seen[i] = time;
            int length = (int) from.read();
            v.categories[i] = Names.of(from.array, from.at, length);
            from.at += length;
        }
        return v;
    }

    void encode(Bytes to) {
        to.writeDeadline(deadline);
        to.write((long) views << 4 | size);
        long last = 0;
        for (int i = 0; i < views; i++) {
            to.writeSigned(newest[i] - last);
            last = newest[i];
        }
        for (int i = size - 1; i >= 0; i--) {
            to.writeSigned(seen[i] - last);
            last = seen[i];
            to.write(categories[i]);
        }
    }

    void add(long time, String category) {
        views = insert(newest, views, time);
        if (category == null) {
            return;
        }
        int known = size - 1;
        while (known >= 0 && categories[known] != category && !categories[known].equals(category)) {
            known--;
        }
        if (known >= 0) {
            if (seen[known] >= time) {
                return;
            }
            close(known);
        } else if (size == WIDE) {
            if (seen[0] >= time) {
                return;
            }
            close(0);
        }
        int i = size++;
        for (; i > 0 && seen[i - 1] > time; i--) {
            seen[i] = seen[i - 1];
            categories[i] = categories[i - 1];
        }
        seen[i] = time;
        categories[i] = category;
    }

    void decide(CustomerState customer, long now, String eventId, Changes out) {
        deadline = Long.MAX_VALUE;
        boolean wide = size == WIDE && until(seen[0] + WEEK, now);
        boolean heavy = views == HEAVY && until(newest[0] + Time.DAY, now);
        customer.decide(Segments.EXPLORER, wide, now, eventId, out);
        customer.decide(Segments.HEAVY_BROWSER, heavy, now, eventId, out);
    }

    private boolean until(long end, long now) {
        if (end <= now) {
            return false;
        }
        deadline = Math.min(deadline, end);
        return true;
    }

    /** Closes the gap that the category at index i leaves. */
    private void close(int i) {
        size--;
        for (; i < size; i++) {
            seen[i] = seen[i + 1];
            categories[i] = categories[i + 1];
        }
    }

    /** Inserts a moment into the first n of a sorted array, whose oldest makes room, and returns their new number. */
    private static int insert(long[] sorted, int n, long time) {
        int i = n;
        if (n == sorted.length) {
            if (time < sorted[0]) {
                return n;
            }
            i = n - 1;
            for (int j = 0; j < i; j++) {
                sorted[j] = sorted[j + 1];
            }
            n--;
        }
        for (; i > 0 && sorted[i - 1] > time; i--) {
            sorted[i] = sorted[i - 1];
        }
        sorted[i] = time;
        return n + 1;
    }
}
