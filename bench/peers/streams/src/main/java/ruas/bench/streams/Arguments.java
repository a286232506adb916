package ruas.bench.streams;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The command line: pairs of --name value. */
record Arguments(String brokers, Job job, Job warm, int commitMs, boolean expert, Path dir, int threads) {
    /** One application over one set of topics. */
    record Job(String application, List<String> topics, String out) {}

    /** @throws IllegalArgumentException where an argument is unknown, missing or no number */
    static Arguments parse(String[] args) {
        Map<String, String> given = new HashMap<>();
        for (int i = 0; i < args.length; i += 2) {
            if (!args[i].startsWith("--") || i + 1 == args.length) {
                throw new IllegalArgumentException("not a pair of --name value: " + args[i]);
            }
            given.put(args[i].substring(2), args[i + 1]);
        }
        Job job = new Job(take(given, "app", null), topics(take(given, "topics", null)), take(given, "out", null));
        Job warm = null;
        if (given.containsKey("warm-topics")) {
            warm = new Job(take(given, "warm-app", null), topics(take(given, "warm-topics", null)),
                    take(given, "warm-out", null));
        }
        String mode = take(given, "mode", "expert");
        if (!mode.equals("rocksdb") && !mode.equals("expert")) {
            throw new IllegalArgumentException("--mode is rocksdb or expert, not " + mode);
        }
        Arguments parsed = new Arguments(take(given, "brokers", null), job, warm,
                Integer.parseInt(take(given, "commit-ms", "1000")), mode.equals("expert"),
                Path.of(take(given, "dir", System.getProperty("java.io.tmpdir") + "/kafka-streams")),
                Integer.parseInt(take(given, "threads", "2")));
        if (!given.isEmpty()) {
            throw new IllegalArgumentException("unknown arguments: " + given.keySet());
        }
        return parsed;
    }

    private static List<String> topics(String list) {
        return List.of(list.split(","));
    }

    private static String take(Map<String, String> given, String name, String byDefault) {
        String value = given.containsKey(name) ? given.remove(name) : byDefault;
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }
}
