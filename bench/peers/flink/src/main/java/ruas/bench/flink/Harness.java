package ruas.bench.flink;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** What is said to the harness and what it answers. */
final class Harness {
    /** Whether the next record that is decoded is the first of the measured run. */
    private static volatile boolean armed;

    private Harness() {}

    /** Says that the warm-up is over, and waits for the measured run to be asked for. */
    static void warm() throws IOException {
        System.out.println("warm");
        if (new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8)).readLine() == null) {
            throw new IOException("the harness went away");
        }
        armed = true;
    }

    /** Notes that a record was decoded. */
    static void decoded() {
        if (armed) {
            first();
        }
    }

    private static synchronized void first() {
        if (armed) {
            armed = false;
            System.out.println("first");
        }
    }
}
