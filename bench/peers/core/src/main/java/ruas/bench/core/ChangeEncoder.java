package ruas.bench.core;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Writes changes as JSON. Not for concurrent use. */
public final class ChangeEncoder {
    private static final byte[] CUSTOMER = ascii("{\"customer_id\":\"");
    private static final byte[][] JOIN = segments("join");
    private static final byte[][] LEAVE = segments("leave");
    private static final byte[] BY_EVENT = ascii("\",\"cause\":\"event\",\"event_id\":\"");
    private static final byte[] SEQ = ascii("\",\"seq\":");
    private static final byte[] BY_TIME = ascii("\",\"cause\":\"time\",\"seq\":");

    private byte[] buffer = new byte[512];
    private int size;

    /** The JSON object of one change; the parameters are those of {@link Changes#change}. */
    public byte[] encode(String customer, int segment, int seq, long time, String eventId) {
        size = 0;
        put(CUSTOMER);
        text(customer);
        put((seq & 1) == 1 ? JOIN[segment] : LEAVE[segment]);
        reserve(24);
        Time.write(time, buffer, size);
        size += 24;
        if (eventId != null) {
            put(BY_EVENT);
            text(eventId);
            put(SEQ);
        } else {
            put(BY_TIME);
        }
        number(seq);
        reserve(1);
        buffer[size++] = '}';
        return Arrays.copyOf(buffer, size);
    }

    private void put(byte[] bytes) {
        reserve(bytes.length);
        System.arraycopy(bytes, 0, buffer, size, bytes.length);
        size += bytes.length;
    }

    private void text(String text) {
        int n = text.length();
        reserve(n);
        int start = size;
        for (int i = 0; i < n; i++) {
            char c = text.charAt(i);
            if (c < ' ' || c > '~' || c == '"' || c == '\\') {
                size = start;
                escaped(text);
                return;
            }
            buffer[size++] = (byte) c;
        }
    }

    private void escaped(String text) {
        StringBuilder json = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append(String.format("\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        put(json.toString().getBytes(StandardCharsets.UTF_8));
    }

    private void number(int n) {
        reserve(10);
        int digits = 1;
        for (int rest = n; rest >= 10; rest /= 10) {
            digits++;
        }
        size += digits;
        for (int i = size - 1, rest = n; digits > 0; digits--, i--, rest /= 10) {
            buffer[i] = (byte) ('0' + rest % 10);
        }
    }

    private void reserve(int n) {
        if (size + n > buffer.length) {
            buffer = Arrays.copyOf(buffer, 2 * (size + n));
        }
    }

    private static byte[][] segments(String change) {
        byte[][] middles = new byte[Segments.COUNT][];
        for (int i = 0; i < middles.length; i++) {
            middles[i] = ascii("\",\"segment\":\"" + Segments.name(i) + "\",\"change\":\"" + change + "\",\"time\":\"");
        }
        return middles;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
