package main

import (
	"context"
	"strings"
	"sync"

	"github.com/ruas/ruas/subscribe"
)

// Store knows the segments of every customer who is in any.
type Store struct {
	mu        sync.RWMutex
	customers map[string][]string
	lists     map[string][]string // each list once: many customers have the same
}

// NewStore makes a store that knows nobody.
func NewStore() *Store {
	return &Store{customers: map[string][]string{}, lists: map[string][]string{}}
}

// Take takes records of segment-memberships: of a customer the newest counts.
func (s *Store) Take(_ context.Context, batch []*subscribe.Record) error {
	news := make([]*subscribe.Membership, len(batch))
	for i, r := range batch {
		var err error
		if news[i], err = subscribe.ParseMembership(r); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range news {
		if len(m.Segments) == 0 {
			delete(s.customers, m.CustomerID)
			continue
		}
		name := strings.Join(m.Segments, " ")
		list, ok := s.lists[name]
		if !ok {
			list = m.Segments
			s.lists[name] = list
		}
		s.customers[m.CustomerID] = list
	}
	return nil
}

// Segments gives those that the customer is in, in order of their names. They are not to be changed.
func (s *Store) Segments(customer string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.customers[customer]
}

// Len says how many customers are in a segment.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.customers)
}
