package ruas.bench.streams;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import ruas.bench.core.Event;
import ruas.bench.core.EventDecoder;

/** Decodes events, and tells of the first. */
final class EventDeserializer implements Deserializer<Event> {
    private final EventDecoder decoder = new EventDecoder();
    private final Runnable first;
    private final AtomicBoolean told = new AtomicBoolean();

    EventDeserializer(Runnable first) {
        this.first = first;
    }

    @Override
    public Event deserialize(String topic, byte[] record) {
        try {
            Event e = decoder.decode(record);
            if (!told.get() && told.compareAndSet(false, true)) {
                first.run();
            }
            return e;
        } catch (IOException e) {
            throw new SerializationException("decoding an event of " + topic, e);
        }
    }
}
