package ruas.bench.core;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.OffsetDateTime;
import ruas.bench.core.Event.Kind;

/**
 * Reads events from the bytes of their JSON: no tree, no strings but for the id and the category, and no further than the
 * last property that is asked for. The customer_id is not read: it is the record's key. Safe for concurrent use.
 */
public final class EventDecoder {
    private static final int ID = 1;
    private static final int TYPE = 2;
    private static final int TIME = 4;
    private static final int PROPERTY = 8;

    private final JsonFactory factory = JsonFactory.builder()
            .disable(StreamReadFeature.AUTO_CLOSE_SOURCE)
            .build();

    /**
     * Decodes one record.
     *
     * @throws IOException where the record is no event: no JSON object, no id, type or time, a time that is no time
     */
    public Event decode(byte[] record) throws IOException {
        Kind kind = null;
        String id = null;
        long time = 0;
        long cents = 0;
        String category = null;
        boolean phone = false;
        int missing = ID | TYPE | TIME | PROPERTY;
        try (JsonParser in = factory.createParser(record)) {
            if (in.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("no JSON object");
            }
            while (missing != 0) {
                String name = in.nextFieldName();
                if (name == null) {
                    break;
                }
                switch (name) {
                    case "id" -> {
                        id = in.nextTextValue();
                        missing &= ~ID;
                    }
                    case "type" -> {
                        kind = kind(in);
                        missing &= ~TYPE;
                        if (kind == Kind.CART_ADD || kind == Kind.OTHER) {
                            missing &= ~PROPERTY;
                        }
                    }
                    case "time" -> {
                        time = time(in);
                        missing &= ~TIME;
                    }
                    case "amount" -> {
                        in.nextToken();
                        cents = cents(in);
                        missing &= kind == Kind.PURCHASE ? ~PROPERTY : ~0;
                    }
                    case "category" -> {
                        if (in.nextToken() == JsonToken.VALUE_STRING && (kind == null || kind == Kind.PRODUCT_VIEW)) {
                            category = Names.of(in.getTextCharacters(), in.getTextOffset(), in.getTextLength());
                            missing &= kind != null ? ~PROPERTY : ~0;
                        }
                    }
                    case "device_type" -> {
                        in.nextToken();
                        phone = equal(in, "phone");
                        missing &= kind == Kind.DEVICE_SEEN ? ~PROPERTY : ~0;
                    }
                    default -> {
                        in.nextToken();
                        in.skipChildren();
                    }
                }
            }
        }
        if (id == null || kind == null || (missing & TIME) != 0) {
            throw new IOException("an event without id, type or time");
        }
        return new Event(kind, id, time, cents, category, phone);
    }

    private static Kind kind(JsonParser in) throws IOException {
        if (in.nextToken() != JsonToken.VALUE_STRING) {
            return null;
        }
        return switch (in.getTextLength()) {
            case 8 -> equal(in, "cart_add") ? Kind.CART_ADD : equal(in, "purchase") ? Kind.PURCHASE : Kind.OTHER;
            case 11 -> equal(in, "device_seen") ? Kind.DEVICE_SEEN : Kind.OTHER;
            case 12 -> equal(in, "product_view") ? Kind.PRODUCT_VIEW : Kind.OTHER;
            default -> Kind.OTHER;
        };
    }

    private static boolean equal(JsonParser in, String text) throws IOException {
        int n = in.getTextLength();
        if (n != text.length()) {
            return false;
        }
        char[] chars = in.getTextCharacters();
        int from = in.getTextOffset();
        for (int i = 0; i < n; i++) {
            if (chars[from + i] != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    /** The number as whole cents; it has at most two digits after its point. */
    private static long cents(JsonParser in) throws IOException {
        char[] c = in.getTextCharacters();
        int i = in.getTextOffset();
        int end = i + in.getTextLength();
        if (end - i <= 15) {
            long n = 0;
            int point = -1;
            for (; i < end; i++) {
                if (c[i] >= '0' && c[i] <= '9') {
                    n = n * 10 + c[i] - '0';
                } else if (c[i] == '.' && point < 0) {
                    point = i + 1;
                } else {
                    break;
                }
            }
            int digits = point < 0 ? 0 : end - point;
            if (i == end && digits <= 2) {
                return digits == 2 ? n : digits == 1 ? n * 10 : n * 100;
            }
        }
        try {
            return new BigDecimal(in.getText()).movePointRight(2).longValueExact();
        } catch (ArithmeticException | NumberFormatException e) {
            throw new IOException("an amount that is not in cents: " + in.getText(), e);
        }
    }

    private static long time(JsonParser in) throws IOException {
        if (in.nextToken() != JsonToken.VALUE_STRING) {
            throw new IOException("a time that is no string");
        }
        char[] c = in.getTextCharacters();
        int i = in.getTextOffset();
        // 2006-01-02T15:04:05.000Z, what most producers write; any other form of RFC 3339 goes the slow way.
        if (in.getTextLength() == 24 && c[i + 4] == '-' && c[i + 7] == '-' && c[i + 10] == 'T' && c[i + 13] == ':'
                && c[i + 16] == ':' && c[i + 19] == '.' && c[i + 23] == 'Z') {
            int year = digits(c, i, 4);
            int month = digits(c, i + 5, 2);
            int day = digits(c, i + 8, 2);
            int hour = digits(c, i + 11, 2);
            int minute = digits(c, i + 14, 2);
            int second = digits(c, i + 17, 2);
            int milli = digits(c, i + 20, 3);
            if ((year | month | day | hour | minute | second | milli) >= 0
                    && month >= 1 && month <= 12 && day >= 1 && day <= Time.daysOf(year, month) && hour < 24 && minute < 60 && second < 60) {
                return Time.milliseconds(year, month, day, hour, minute, second, milli);
            }
        }
        try {
            return OffsetDateTime.parse(in.getText()).toInstant().toEpochMilli();
        } catch (java.time.DateTimeException e) {
            throw new IOException("a time that is no time: " + in.getText(), e);
        }
    }

    /** The number that n digits stand for, negative where one is none. */
    private static int digits(char[] c, int from, int n) {
        int value = 0;
        for (int i = from; i < from + n; i++) {
            int digit = c[i] - '0';
            if (digit < 0 || digit > 9) {
                return -1;
            }
            value = value * 10 + digit;
        }
        return value;
    }
}
