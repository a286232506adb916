package ruas.bench.core;

/** The calendar (UTC) and milliseconds since the epoch, without objects; days as in Howard Hinnant's chrono algorithms. */
final class Time {
    static final long MINUTE = 60_000L;
    static final long HOUR = 60 * MINUTE;
    static final long DAY = 24 * HOUR;

    private Time() {}

    static int daysOf(int year, int month) {
        return switch (month) {
            case 2 -> year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
            case 4, 6, 9, 11 -> 30;
            default -> 31;
        };
    }

    static long milliseconds(int year, int month, int day, int hour, int minute, int second, int milli) {
        int y = month <= 2 ? year - 1 : year;
        int era = Math.floorDiv(y, 400);
        int yearOfEra = y - era * 400;
        int dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        int dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
        long days = era * 146_097L + dayOfEra - 719_468;
        return days * DAY + hour * HOUR + minute * MINUTE + second * 1000L + milli;
    }

    /** Writes 2006-01-02T15:04:05.000Z, 24 bytes, for years 0 to 9999. */
    static void write(long time, byte[] to, int at) {
        long days = Math.floorDiv(time, DAY);
        int rest = (int) (time - days * DAY);
        long z = days + 719_468;
        int era = (int) Math.floorDiv(z, 146_097L);
        int dayOfEra = (int) (z - era * 146_097L);
        int yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        int dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        int monthFromMarch = (5 * dayOfYear + 2) / 153;
        int month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
        int year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
        digits(year, to, at, 4);
        to[at + 4] = '-';
        digits(month, to, at + 5, 2);
        to[at + 7] = '-';
        digits(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1, to, at + 8, 2);
        to[at + 10] = 'T';
        digits(rest / (int) HOUR, to, at + 11, 2);
        to[at + 13] = ':';
        digits(rest / (int) MINUTE % 60, to, at + 14, 2);
        to[at + 16] = ':';
        digits(rest / 1000 % 60, to, at + 17, 2);
        to[at + 19] = '.';
        digits(rest % 1000, to, at + 20, 3);
        to[at + 23] = 'Z';
    }

    private static void digits(int value, byte[] to, int at, int n) {
        for (int i = at + n - 1; i >= at; i--) {
            to[i] = (byte) ('0' + value % 10);
            value /= 10;
        }
    }
}
