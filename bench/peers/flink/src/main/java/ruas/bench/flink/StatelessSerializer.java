package ruas.bench.flink;

import org.apache.flink.api.common.typeutils.TypeSerializer;

/** A serializer of values of no fixed length that has no settings; it is used by one thread at a time. */
abstract class StatelessSerializer<T> extends TypeSerializer<T> {
    private static final long serialVersionUID = 1;

    @Override
    public T createInstance() {
        return null;
    }

    @Override
    public T copy(T from, T reuse) {
        return copy(from);
    }

    @Override
    public int getLength() {
        return -1;
    }

    @Override
    public boolean equals(Object other) {
        return other != null && other.getClass() == getClass();
    }

    @Override
    public int hashCode() {
        return getClass().hashCode();
    }
}
