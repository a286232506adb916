package ruas.bench.flink;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import ruas.bench.core.CustomerState;
import ruas.bench.core.Event;

/** Writes what is held of a customer to a checkpoint, and copies it where it changes while a checkpoint reads it. */
final class HeldSerializer extends StatelessSerializer<Held> {
    private static final long serialVersionUID = 1;

    private final CustomerEventSerializer events = new CustomerEventSerializer();

    @Override
    public boolean isImmutableType() {
        return false;
    }

    @Override
    public TypeSerializer<Held> duplicate() {
        return new HeldSerializer();
    }

    @Override
    public Held copy(Held from) {
        Held to = held(from.state.encode());
        to.waiting = from.size == 0 ? to.waiting : from.waiting.clone();
        to.size = from.size;
        to.eventTimer = from.eventTimer;
        to.deadlineTimer = from.deadlineTimer;
        return to;
    }

    @Override
    public void serialize(Held held, DataOutputView out) throws IOException {
        byte[] state = held.state.encode();
        out.writeInt(state.length);
        out.write(state);
        out.writeLong(held.eventTimer);
        out.writeLong(held.deadlineTimer);
        out.writeInt(held.size);
        for (int i = 0; i < held.size; i++) {
            events.writeEvent(held.waiting[i], out);
        }
    }

    @Override
    public Held deserialize(DataInputView in) throws IOException {
        byte[] state = new byte[in.readInt()];
        in.readFully(state);
        Held held = held(state);
        held.eventTimer = in.readLong();
        held.deadlineTimer = in.readLong();
        int size = in.readInt();
        held.waiting = size == 0 ? held.waiting : new Event[size];
        held.size = size;
        for (int i = 0; i < size; i++) {
            held.waiting[i] = events.readEvent(in);
        }
        return held;
    }

    @Override
    public Held deserialize(Held reuse, DataInputView in) throws IOException {
        return deserialize(in);
    }

    @Override
    public void copy(DataInputView in, DataOutputView out) throws IOException {
        serialize(deserialize(in), out);
    }

    @Override
    public TypeSerializerSnapshot<Held> snapshotConfiguration() {
        return new Snapshot();
    }

    private static Held held(byte[] state) {
        return new Held(CustomerState.decode(state, 0, state.length));
    }

    /** What of the serializer is kept with a checkpoint. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Held> {
        public Snapshot() {
            super(HeldSerializer::new);
        }
    }
}
