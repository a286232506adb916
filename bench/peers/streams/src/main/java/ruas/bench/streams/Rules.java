package ruas.bench.streams;

import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.Topology;
import ruas.bench.core.Event;
import ruas.bench.streams.Arguments.Job;

/** The topology: one task a partition number, which reads that partition of all three topics. */
final class Rules {
    private static final String STORE = "customers";

    private Rules() {}

    static Topology topology(Job job, boolean expert, Runnable first) {
        Topology topology = new Topology();
        topology.addSource(AutoOffsetReset.earliest(), "events",
                (record, partitionTime) -> ((Event) record.value()).time,
                new StringDeserializer(), new EventDeserializer(first), job.topics().toArray(String[]::new));
        if (expert) {
            topology.addProcessor("segments", () -> new SegmentProcessor(context -> context.<LiveCustomers>getStateStore(STORE)),
                    "events");
            topology.addStateStore(LiveCustomers.builder(STORE), "segments");
        } else {
            topology.addProcessor("segments", () -> new SegmentProcessor(context -> RocksCustomers.open(context, STORE)),
                    "events");
            topology.addStateStore(RocksCustomers.builder(STORE), "segments");
        }
        topology.addSink("changes", job.out(), new StringSerializer(), new ByteArraySerializer(), "segments");
        return topology;
    }
}
