package ruas.bench.flink;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import ruas.bench.core.Event;
import ruas.bench.core.Event.Kind;
import ruas.bench.core.Names;

/** Writes events as they cross from the source to the state: what the rules read, some forty bytes. */
final class CustomerEventSerializer extends StatelessSerializer<CustomerEvent> {
    private static final long serialVersionUID = 1;
    private static final Kind[] KINDS = Kind.values();

    private transient byte[] text;

    @Override
    public boolean isImmutableType() {
        return true;
    }

    @Override
    public TypeSerializer<CustomerEvent> duplicate() {
        return new CustomerEventSerializer();
    }

    @Override
    public CustomerEvent copy(CustomerEvent from) {
        return from;
    }

    @Override
    public void serialize(CustomerEvent e, DataOutputView out) throws IOException {
        writeText(e.customer, out);
        writeEvent(e.event, out);
    }

    @Override
    public CustomerEvent deserialize(DataInputView in) throws IOException {
        int n = readText(in);
        return new CustomerEvent(new String(text, 0, n, StandardCharsets.UTF_8), readEvent(in));
    }

    @Override
    public CustomerEvent deserialize(CustomerEvent reuse, DataInputView in) throws IOException {
        return deserialize(in);
    }

    @Override
    public void copy(DataInputView in, DataOutputView out) throws IOException {
        serialize(deserialize(in), out);
    }

    @Override
    public TypeSerializerSnapshot<CustomerEvent> snapshotConfiguration() {
        return new Snapshot();
    }

    void writeEvent(Event e, DataOutputView out) throws IOException {
        out.writeByte(e.kind.ordinal());
        out.writeLong(e.time);
        writeText(e.id, out);
        switch (e.kind) {
            case PRODUCT_VIEW -> {
                out.writeBoolean(e.category != null);
                if (e.category != null) {
                    writeText(e.category, out);
                }
            }
            case PURCHASE -> out.writeLong(e.cents);
            case DEVICE_SEEN -> out.writeBoolean(e.phone);
            default -> { }
        }
    }

    Event readEvent(DataInputView in) throws IOException {
        Kind kind = KINDS[in.readByte()];
        long time = in.readLong();
        int n = readText(in);
        String id = new String(text, 0, n, StandardCharsets.UTF_8);
        long cents = 0;
        String category = null;
        boolean phone = false;
        switch (kind) {
            case PRODUCT_VIEW -> {
                if (in.readBoolean()) {
                    n = readText(in);
                    category = Names.of(text, 0, n);
                }
            }
            case PURCHASE -> cents = in.readLong();
            case DEVICE_SEEN -> phone = in.readBoolean();
            default -> { }
        }
        return new Event(kind, id, time, cents, category, phone);
    }

    private static void writeText(String s, DataOutputView out) throws IOException {
        byte[] utf8 = s.getBytes(StandardCharsets.UTF_8);
        if (utf8.length < 0x80) {
            out.writeByte(utf8.length);
        } else {
            out.writeByte(-1);
            out.writeInt(utf8.length);
        }
        out.write(utf8, 0, utf8.length);
    }

    /** Reads a text into the buffer and returns its length. */
    private int readText(DataInputView in) throws IOException {
        int n = in.readByte();
        if (n < 0) {
            n = in.readInt();
        }
        if (text == null || text.length < n) {
            text = new byte[Math.max(2 * n, 128)];
        }
        in.readFully(text, 0, n);
        return n;
    }

    /** What of the serializer is kept with a checkpoint. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<CustomerEvent> {
        public Snapshot() {
            super(CustomerEventSerializer::new);
        }
    }
}
