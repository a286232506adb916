package ruas.bench.core;

import java.nio.charset.StandardCharsets;

/**
 * One instance of each category's name, found without making a string: equal names are mostly the same object, and reading
 * one allocates nothing. Reads take no lock; the table is replaced when a name is added.
 */
public final class Names {
    /** Names beyond this number are not kept: a property with as many values is no category. */
    private static final int LIMIT = 4096;

    private static volatile String[] table = new String[64];
    private static int size;

    private Names() {}

    static String of(char[] chars, int from, int length) {
        String[] names = table;
        int hash = 0;
        for (int i = from; i < from + length; i++) {
            hash = 31 * hash + chars[i];
        }
        for (int slot = slot(hash, names); names[slot] != null; slot = slot + 1 & names.length - 1) {
            if (equal(names[slot], chars, from, length)) {
                return names[slot];
            }
        }
        return add(new String(chars, from, length));
    }

    /** The one instance of a name that is written in UTF-8. */
    public static String of(byte[] utf8, int from, int length) {
        String[] names = table;
        int hash = 0;
        for (int i = from; i < from + length; i++) {
            if (utf8[i] < 0) {
                return add(new String(utf8, from, length, StandardCharsets.UTF_8));
            }
            hash = 31 * hash + utf8[i];
        }
        for (int slot = slot(hash, names); names[slot] != null; slot = slot + 1 & names.length - 1) {
            if (equal(names[slot], utf8, from, length)) {
                return names[slot];
            }
        }
        return add(new String(utf8, from, length, StandardCharsets.US_ASCII));
    }

    private static synchronized String add(String name) {
        String[] names = table;
        int slot = free(name, names);
        if (names[slot] != null) {
            return names[slot];
        }
        if (size == LIMIT) {
            return name;
        }
        String[] more = new String[2 * (size + 1) > names.length ? 2 * names.length : names.length];
        for (String kept : names) {
            if (kept != null) {
                more[free(kept, more)] = kept;
            }
        }
        more[free(name, more)] = name;
        size++;
        table = more;
        return name;
    }

    private static int free(String name, String[] names) {
        int slot = slot(name.hashCode(), names);
        while (names[slot] != null && !names[slot].equals(name)) {
            slot = slot + 1 & names.length - 1;
        }
        return slot;
    }

    private static int slot(int hash, String[] names) {
        return (hash ^ hash >>> 16) & names.length - 1;
    }

    private static boolean equal(String name, char[] chars, int from, int length) {
        if (name.length() != length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (name.charAt(i) != chars[from + i]) {
                return false;
            }
        }
        return true;
    }

    private static boolean equal(String name, byte[] ascii, int from, int length) {
        if (name.length() != length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (name.charAt(i) != ascii[from + i]) {
                return false;
            }
        }
        return true;
    }
}
