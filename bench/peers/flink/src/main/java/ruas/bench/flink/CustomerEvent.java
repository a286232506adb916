package ruas.bench.flink;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import ruas.bench.core.Event;

/** An event and the customer whose it is, on its way from the source to that customer's state. */
final class CustomerEvent {
    static final TypeInformation<CustomerEvent> TYPE = new SerializedType<>(CustomerEvent.class, new CustomerEventSerializer());

    final String customer;
    final Event event;

    CustomerEvent(String customer, Event event) {
        this.customer = customer;
        this.event = event;
    }
}
