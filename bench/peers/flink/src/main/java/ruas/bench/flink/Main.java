package ruas.bench.flink;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.apache.flink.core.execution.JobClient;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** The Flink peer as the harness runs it: the job over the warm-up's topics until they are drained, then over those measured. */
public final class Main {
    private static final int END_SECONDS = 10;

    private Main() {}

    public static void main(String[] args) throws Exception {
        Arguments arguments = Arguments.parse(args);
        if (arguments.warmUp() != null) {
            JobClient warmUp = Job.start(arguments, arguments.warmUp());
            awaitDrained(arguments.brokers(), arguments.warmUp());
            warmUp.cancel().get();
        }
        Harness.warm();
        JobClient job = Job.start(arguments, arguments.measured());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> end(job)));
        job.getJobExecutionResult().get();
    }

    /** Waits until the group has committed all that its topics hold. */
    private static void awaitDrained(String brokers, Arguments.Input input) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
            List<TopicPartition> partitions = admin.describeTopics(input.topics()).allTopicNames().get().values().stream()
                    .flatMap(t -> t.partitions().stream().map(p -> new TopicPartition(t.name(), p.partition())))
                    .toList();
            var ends = admin.listOffsets(partitions.stream().collect(Collectors.toMap(p -> p, p -> OffsetSpec.latest()))).all().get();
            for (;;) {
                Map<TopicPartition, OffsetAndMetadata> committed =
                        admin.listConsumerGroupOffsets(input.app()).partitionsToOffsetAndMetadata().get();
                boolean drained = ends.entrySet().stream().allMatch(end -> {
                    OffsetAndMetadata at = committed.get(end.getKey());
                    return end.getValue().offset() == 0 || at != null && at.offset() >= end.getValue().offset();
                });
                if (drained) {
                    return;
                }
                TimeUnit.MILLISECONDS.sleep(100);
            }
        }
    }

    private static void end(JobClient job) {
        try {
            job.cancel().get(END_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            System.err.println("ending the job: " + e);
        }
    }
}
