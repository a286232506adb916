package ruas.bench.streams;

import java.util.Properties;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;
import ruas.bench.streams.Arguments.Job;

/** Kafka Streams' settings, tuned for throughput at exactly once. */
final class Settings {
    private static final int MEGABYTE = 1 << 20;

    private Settings() {}

    static Properties of(Arguments arguments, Job job) {
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments.brokers());
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, job.application());
        p.put(StreamsConfig.STATE_DIR_CONFIG, arguments.dir().toString());
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, arguments.threads());
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments.commitMs());
        // A commit is looked for between two polls: where nothing arrives, a poll must not outlast the interval.
        p.put(StreamsConfig.POLL_MS_CONFIG, Math.min(arguments.commitMs(), 100));
        p.put(StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG, LogAndContinueExceptionHandler.class);
        p.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksSettings.class);
        // A customer who comes back between two commits is written to the store and its changelog once.
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L * MEGABYTE);
        // A task takes the earliest record of its three topics. At 0 it never goes on without a topic of which the broker is
        // known to hold more, so that topics are merged by time however unevenly they are fetched; it does not wait for what
        // is yet to be produced.
        p.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, 0L);
        // Few pauses and resumptions of partitions, and always records of the slower topics at hand.
        p.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        p.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
        p.put(CommonClientConfigs.METRIC_REPORTER_CLASSES_CONFIG, "");

        consumer(p, ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        consumer(p, ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 5_000);
        consumer(p, ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 64 * MEGABYTE);
        consumer(p, ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 * MEGABYTE);
        consumer(p, ConsumerConfig.RECEIVE_BUFFER_CONFIG, MEGABYTE);
        consumer(p, ConsumerConfig.CHECK_CRCS_CONFIG, false);
        producer(p, ProducerConfig.LINGER_MS_CONFIG, 100);
        producer(p, ProducerConfig.BATCH_SIZE_CONFIG, MEGABYTE / 2);
        producer(p, ProducerConfig.BUFFER_MEMORY_CONFIG, 128L * MEGABYTE);
        producer(p, ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
        producer(p, ProducerConfig.SEND_BUFFER_CONFIG, MEGABYTE);
        return p;
    }

    private static void consumer(Properties p, String key, Object value) {
        p.put(StreamsConfig.consumerPrefix(key), value);
    }

    private static void producer(Properties p, String key, Object value) {
        p.put(StreamsConfig.producerPrefix(key), value);
    }
}
