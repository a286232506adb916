package ruas.bench.streams;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import ruas.bench.streams.Arguments.Job;

/**
 * Runs the rules on Kafka Streams. It first drains the warm-up topics in the same JVM, says "warm", waits for a line on
 * standard input, and then runs till it is told to end; it says "first" when its first record is decoded.
 */
public final class Main {
    private static final Duration CLOSING = Duration.ofSeconds(30);

    private Main() {}

    public static void main(String[] args) throws IOException, InterruptedException, ExecutionException {
        Arguments arguments;
        try {
            arguments = Arguments.parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println("streams: " + e.getMessage());
            System.exit(2);
            return;
        }
        if (arguments.warm() != null) {
            warm(arguments);
        }
        System.out.println("warm");
        if (new BufferedReader(new InputStreamReader(System.in)).readLine() == null) {
            return;
        }
        KafkaStreams streams = start(arguments, arguments.job(), () -> System.out.println("first"));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            boolean closed = streams.close(CLOSING);
            Runtime.getRuntime().halt(closed ? 0 : 1);
        }));
    }

    private static void warm(Arguments arguments) throws InterruptedException, ExecutionException {
        Job job = arguments.warm();
        try (Admin admin = Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, arguments.brokers()))) {
            Map<TopicPartition, Long> ends = ends(admin, job);
            KafkaStreams streams = start(arguments, job, () -> {});
            while (!drained(admin, job.application(), ends)) {
                Thread.sleep(200);
            }
            streams.close(CLOSING);
            streams.cleanUp();
        }
    }

    private static KafkaStreams start(Arguments arguments, Job job, Runnable first) {
        KafkaStreams streams = new KafkaStreams(
                Rules.topology(job, arguments.expert(), first), Settings.of(arguments, job));
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        return streams;
    }

    private static Map<TopicPartition, Long> ends(Admin admin, Job job) throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetSpec> asked = new HashMap<>();
        admin.describeTopics(job.topics()).allTopicNames().get().forEach((topic, description) ->
                description.partitions().forEach(p -> asked.put(new TopicPartition(topic, p.partition()), OffsetSpec.latest())));
        Map<TopicPartition, Long> ends = new HashMap<>();
        admin.listOffsets(asked).all().get().forEach((partition, end) -> ends.put(partition, end.offset()));
        return ends;
    }

    private static boolean drained(Admin admin, String group, Map<TopicPartition, Long> ends)
            throws InterruptedException, ExecutionException {
        Map<TopicPartition, OffsetAndMetadata> committed =
                admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        return ends.entrySet().stream().allMatch(end -> {
            OffsetAndMetadata at = committed.get(end.getKey());
            return end.getValue() == 0 || at != null && at.offset() >= end.getValue();
        });
    }
}
