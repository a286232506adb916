package ruas.bench.core;

import java.util.Arrays;

/**
 * Moments in order of time, oldest first, each with a value where there are values, in primitive ring arrays. Moments are
 * added at the newer end, or in their place where they are late, and mostly leave at the older end.
 */
final class Ring {
    private long[] times;
    /** Null where moments have no values. */
    private long[] values;
    private int head;
    private int size;

    Ring(boolean valued, int capacity) {
        int n = Integer.highestOneBit(Math.max(capacity, 4) * 2 - 1);
        times = new long[n];
        values = valued ? new long[n] : null;
    }

    int size() {
        return size;
    }

    long time(int i) {
        return times[head + i & times.length - 1];
    }

    long value(int i) {
        return values[head + i & values.length - 1];
    }

    /** Adds a moment after those that are not later. */
    void add(long time, long value) {
        if (size == times.length) {
            times = grown(times);
            values = values == null ? null : grown(values);
            head = 0;
        }
        int i = size++;
        for (; i > 0 && time(i - 1) > time; i--) {
            move(i - 1, i);
        }
        int slot = head + i & times.length - 1;
        times[slot] = time;
        if (values != null) {
            values[slot] = value;
        }
    }

    void removeOldest() {
        head = head + 1 & times.length - 1;
        size--;
    }

    /** Removes the moments from index from up to, and without, index to. */
    void remove(int from, int to) {
        for (int i = to; i < size; i++) {
            move(i, from + i - to);
        }
        size -= to - from;
    }

    /** The index of the first moment at or after time; size where there is none. */
    int firstAt(long time) {
        int i = size;
        while (i > 0 && time(i - 1) >= time) {
            i--;
        }
        return i;
    }

    private void move(int from, int to) {
        int mask = times.length - 1;
        times[head + to & mask] = times[head + from & mask];
        if (values != null) {
            values[head + to & mask] = values[head + from & mask];
        }
    }

    private long[] grown(long[] array) {
        long[] more = Arrays.copyOf(array, 2 * array.length);
        System.arraycopy(array, head, more, 0, array.length - head);
        System.arraycopy(array, 0, more, array.length - head, head);
        return more;
    }
}
