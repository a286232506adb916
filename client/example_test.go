package client_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ruas/ruas/client"
)

func ExampleClient_Customer() {
	ruas, err := client.New("http://127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	customer, err := ruas.Customer(context.Background(), "c42")
	if err != nil {
		log.Fatal(err)
	}
	if customer.In("loyal") {
		fmt.Println("a voucher for", customer.ID)
	}
}

// A subscriber that has read a change asks for a customer no older than it.
func ExampleAtLeast() {
	ruas, err := client.New("https://ruas.shop.example", client.WithToken("…"))
	if err != nil {
		log.Fatal(err)
	}
	offset := int64(17) // of the record
	customer, err := ruas.Customer(context.Background(), "c42", client.AtLeast(offset+1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(customer.Features["spend_90d"])
}

func ExampleClient_Watch() {
	ruas, err := client.New("http://127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	for change, err := range ruas.Watch(context.Background(), client.Filter{Segments: []string{"cart_abandoner"}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(change.Customer, change.Change, change.Time)
	}
}

func ExampleClient_Members() {
	ruas, err := client.New("http://127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	for id, err := range ruas.Members(context.Background(), "loyal") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(id)
	}
}
