package ruas.bench.core;

/** Takes the changes of one customer in the order in which they happen. */
@FunctionalInterface
public interface Changes {
    /**
     * Takes one change.
     *
     * @param segment index among the segments, see {@link Segments#name}
     * @param seq the number of this change of the customer in the segment, from 1; joins are odd, leaves even
     * @param time the moment of the change, milliseconds since the epoch
     * @param eventId the id of the event that caused it, null where time alone did
     */
    void change(int segment, int seq, long time, String eventId);
}
