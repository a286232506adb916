package ruas.bench.core;

import java.util.Arrays;

/**
 * Deadlines in order of (moment, customer): a heap of four children a node. A deadline that moves later, as most do, costs
 * nothing until its old place comes up.
 */
public final class Timers {
    /** One customer's deadline; what keeps live customers extends it. */
    public static class Timer {
        public final String customer;
        private long at = Long.MAX_VALUE;
        private int slot = -1;

        public Timer(String customer) {
            this.customer = customer;
        }

        /** The deadline, milliseconds since the epoch; Long.MAX_VALUE: none. */
        public final long at() {
            return at;
        }
    }

    /** The moment by which a timer is placed: its deadline or, where that has moved later since, an earlier one. */
    private long[] keys = new long[1024];
    private Timer[] heap = new Timer[1024];
    private int size;

    /** Sets a timer's deadline; Long.MAX_VALUE takes it away. */
    public void set(Timer timer, long at) {
        timer.at = at;
        if (timer.slot < 0) {
            if (at == Long.MAX_VALUE) {
                return;
            }
            if (size == heap.length) {
                keys = Arrays.copyOf(keys, 2 * size);
                heap = Arrays.copyOf(heap, 2 * size);
            }
            up(size++, timer, at);
        } else if (at < keys[timer.slot]) {
            up(timer.slot, timer, at);
        }
    }

    /** The timer with the first deadline before a moment, or null. */
    public Timer due(long before) {
        while (size > 0 && keys[0] < before) {
            Timer first = heap[0];
            if (first.at == keys[0]) {
                return first;
            }
            if (first.at == Long.MAX_VALUE) {
                first.slot = -1;
                size--;
                Timer last = heap[size];
                heap[size] = null;
                if (size > 0) {
                    down(last, keys[size]);
                }
            } else {
                down(first, first.at);
            }
        }
        return null;
    }

    /** Forgets all timers. */
    public void clear() {
        for (int i = 0; i < size; i++) {
            heap[i].slot = -1;
            heap[i] = null;
        }
        size = 0;
    }

    private void up(int i, Timer timer, long key) {
        while (i > 0) {
            int parent = (i - 1) / 4;
            if (!less(key, timer, parent)) {
                break;
            }
            place(i, heap[parent], keys[parent]);
            i = parent;
        }
        place(i, timer, key);
    }

    private void down(Timer timer, long key) {
        int i = 0;
        for (int child = 1; child < size; child = 4 * i + 1) {
            int least = child;
            for (int c = child + 1; c < Math.min(child + 4, size); c++) {
                if (less(keys[c], heap[c], least)) {
                    least = c;
                }
            }
            if (!less(keys[least], heap[least], key, timer)) {
                break;
            }
            place(i, heap[least], keys[least]);
            i = least;
        }
        place(i, timer, key);
    }

    private void place(int i, Timer timer, long key) {
        keys[i] = key;
        heap[i] = timer;
        timer.slot = i;
    }

    private boolean less(long key, Timer timer, int i) {
        return less(key, timer, keys[i], heap[i]);
    }

    private static boolean less(long key, Timer timer, long key2, Timer timer2) {
        return key < key2 || key == key2 && timer.customer.compareTo(timer2.customer) < 0;
    }
}
