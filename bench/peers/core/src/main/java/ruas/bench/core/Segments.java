package ruas.bench.core;

/** The segments of S10, by name. */
public final class Segments {
    static final int BIG_SPENDER = 0;
    static final int CART_ABANDONER = 1;
    static final int EXPLORER = 2;
    static final int FREQUENT_BUYER = 3;
    static final int HEAVY_BROWSER = 4;
    static final int LAPSED = 5;
    static final int LOYAL = 6;
    static final int NEW_BUYER = 7;
    static final int PHONE_USER = 8;
    static final int PREMIUM = 9;
    static final int COUNT = 10;

    private static final String[] NAMES = {
        "big_spender", "cart_abandoner", "explorer", "frequent_buyer", "heavy_browser", "lapsed", "loyal", "new_buyer",
        "phone_user", "premium",
    };

    private Segments() {}

    /** The name of a segment by its index. */
    public static String name(int segment) {
        return NAMES[segment];
    }
}
