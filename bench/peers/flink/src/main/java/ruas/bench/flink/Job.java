package ruas.bench.flink;

import static org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;

import java.util.Map;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** The job: the three topics, by customer, into changes, exactly once. */
final class Job {
    private Job() {}

    /** Starts the job in this process. */
    static JobClient start(Arguments args, Arguments.Input input) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(settings(args, input));
        WatermarkStrategy<CustomerEvent> watermarks = WatermarkStrategy.<CustomerEvent>forMonotonousTimestamps()
                .withTimestampAssigner((e, recordTime) -> e.event.time);
        DataStream<Tuple2<byte[], byte[]>> changes = env.fromSource(source(args, input), watermarks, "events")
                .keyBy(e -> e.customer, Types.STRING)
                .process(new Segmentation())
                .returns(Types.TUPLE(BYTE_PRIMITIVE_ARRAY_TYPE_INFO, BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
        changes.sinkTo(sink(args, input)).name("changes");
        return env.executeAsync(input.app());
    }

    private static Configuration settings(Arguments args, Arguments.Input input) {
        // Each watermark wakes the customers who have had events since the last, so the fewer the cheaper. Where commits are frequent,
        // for latency, an event should not wait long for the watermark before it waits for the commit.
        int watermarkMillis = args.commitMillis() >= 1000 ? 250 : Math.max(10, args.commitMillis() / 10);
        return Configuration.fromMap(Map.ofEntries(
                Map.entry("parallelism.default", String.valueOf(args.threads())),
                Map.entry("pipeline.object-reuse", "true"),
                Map.entry("pipeline.generic-types", "false"),
                Map.entry("pipeline.auto-watermark-interval", watermarkMillis + " ms"),
                Map.entry("execution.checkpointing.interval", args.commitMillis() + " ms"),
                Map.entry("execution.checkpointing.mode", "EXACTLY_ONCE"),
                Map.entry("execution.checkpointing.storage", "filesystem"),
                Map.entry("execution.checkpointing.dir", args.dir().resolve(input.app()).toUri().toString()),
                Map.entry("state.backend.type", "hashmap"),
                Map.entry("taskmanager.memory.managed.size", "0"),
                Map.entry("rest.bind-port", "0")));
    }

    private static KafkaSource<CustomerEvent> source(Arguments args, Arguments.Input input) {
        return KafkaSource.<CustomerEvent>builder()
                .setBootstrapServers(args.brokers())
                .setGroupId(input.app())
                .setClientIdPrefix(input.app())
                .setTopics(input.topics())
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new Records())
                .setProperty("max.poll.records", "5000")
                .setProperty("max.partition.fetch.bytes", "4194304")
                .setProperty("fetch.max.bytes", "67108864")
                .setProperty("check.crcs", "false")
                .build();
    }

    private static KafkaSink<Tuple2<byte[], byte[]>> sink(Arguments args, Arguments.Input input) {
        Properties producer = new Properties();
        // No more than the broker allows by default; a checkpoint takes far less.
        producer.setProperty("transaction.timeout.ms", "600000");
        producer.setProperty("linger.ms", "20");
        producer.setProperty("batch.size", "262144");
        producer.setProperty("compression.type", "lz4");
        return KafkaSink.<Tuple2<byte[], byte[]>>builder()
                .setBootstrapServers(args.brokers())
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                .setTransactionalIdPrefix(input.app())
                .setTransactionNamingStrategy(TransactionNamingStrategy.POOLING)
                .setKafkaProducerConfig(producer)
                .setRecordSerializer(new ChangeRecords(input.out()))
                .build();
    }
}
