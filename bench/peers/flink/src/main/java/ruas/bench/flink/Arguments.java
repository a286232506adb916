package ruas.bench.flink;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What the harness asks for.
 *
 * @param dir where checkpoints are written
 */
record Arguments(String brokers, Input measured, Input warmUp, int commitMillis, Path dir, int threads) {
    /** One run of the job: the group and prefix of all ids, the topics of events and the topic of changes. */
    record Input(String app, List<String> topics, String out) {}

    static Arguments parse(String[] args) throws IOException {
        Map<String, String> flags = new HashMap<>();
        for (int i = 0; i < args.length; i += 2) {
            if (!args[i].startsWith("--") || i + 1 == args.length) {
                throw new IllegalArgumentException("want pairs of --name value, got " + args[i]);
            }
            flags.put(args[i].substring(2), args[i + 1]);
        }
        return new Arguments(
                need(flags, "brokers"),
                input(flags, ""),
                flags.containsKey("warm-topics") ? input(flags, "warm-") : null,
                Integer.parseInt(need(flags, "commit-ms")),
                flags.containsKey("dir") ? Path.of(flags.get("dir")) : Files.createTempDirectory("flink-peer"),
                Integer.parseInt(flags.getOrDefault("threads", "2")));
    }

    private static Input input(Map<String, String> flags, String prefix) {
        return new Input(need(flags, prefix + "app"), List.of(need(flags, prefix + "topics").split(",")), need(flags, prefix + "out"));
    }

    private static String need(Map<String, String> flags, String name) {
        String value = flags.get(name);
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }
}
