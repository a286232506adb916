package ruas.bench.core;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing array of bytes to write to, and a place in one to read from. Numbers are in base 128, small ones short. */
final class Bytes {
    byte[] array;
    int at;

    Bytes(byte[] array, int at) {
        this.array = array;
        this.at = at;
    }

    /** Writes a number; negative ones are long. */
    void write(long n) {
        reserve(10);
        while ((n & ~0x7fL) != 0) {
            array[at++] = (byte) (n | 0x80);
            n >>>= 7;
        }
        array[at++] = (byte) n;
    }

    /** Writes a number of either sign; those near 0 are short. */
    void writeSigned(long n) {
        write(n << 1 ^ n >> 63);
    }

    /** Writes a deadline, of which Long.MAX_VALUE means none. */
    void writeDeadline(long deadline) {
        write(deadline == Long.MAX_VALUE ? 0 : deadline);
    }

    void write(byte[] bytes, int from, int length) {
        reserve(length);
        System.arraycopy(bytes, from, array, at, length);
        at += length;
    }

    void write(String text) {
        int n = text.length();
        for (int i = 0; i < n; i++) {
            if (text.charAt(i) > 0x7f) {
                byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
                write(utf8.length);
                write(utf8, 0, utf8.length);
                return;
            }
        }
        write(n);
        reserve(n);
        for (int i = 0; i < n; i++) {
            array[at++] = (byte) text.charAt(i);
        }
    }

    long read() {
        long n = array[at++];
        if (n < 0) {
            n &= 0x7f;
            for (int shift = 7; ; shift += 7) {
                byte b = array[at++];
                n |= (long) (b & 0x7f) << shift;
                if (b >= 0) {
                    break;
                }
            }
        }
        return n;
    }

    long readSigned() {
        long n = read();
        return n >>> 1 ^ -(n & 1);
    }

    long readDeadline() {
        long deadline = read();
        return deadline == 0 ? Long.MAX_VALUE : deadline;
    }

    private void reserve(int n) {
        if (at + n > array.length) {
            array = Arrays.copyOf(array, 2 * (at + n));
        }
    }
}
