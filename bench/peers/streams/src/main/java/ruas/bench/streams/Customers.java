package ruas.bench.streams;

import ruas.bench.core.CustomerState;
import ruas.bench.core.Timers;
import ruas.bench.core.Timers.Timer;

/** The customers of one task. */
interface Customers {
    /** All deadlines. */
    Timers timers();

    /** The timer that stands for a customer, null before the first event. */
    Timer find(String customer);

    /** A new customer's timer. */
    Timer add(String customer);

    /** A customer's state, to be changed and then stored. */
    CustomerState load(Timer customer);

    /** Stores a customer's state, and its deadline. */
    void store(Timer customer, CustomerState state);
}
