package ruas.bench.flink;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import ruas.bench.core.EventDecoder;

/** Reads events from Kafka's records, and says when the first of a run is read. */
final class Records implements KafkaRecordDeserializationSchema<CustomerEvent> {
    private static final long serialVersionUID = 1;

    private transient EventDecoder decoder;

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        decoder = new EventDecoder();
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<CustomerEvent> out) throws IOException {
        // Events that no rule looks at are kept: one at the very moment of a deadline is the cause of what changes then.
        out.collect(new CustomerEvent(new String(record.key(), StandardCharsets.UTF_8), decoder.decode(record.value())));
        Harness.decoded();
    }

    @Override
    public TypeInformation<CustomerEvent> getProducedType() {
        return CustomerEvent.TYPE;
    }
}
