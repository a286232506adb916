package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/plan"
)

// The first byte of an encoded customer is the version of the encoding. Version 2 is that of customers of whom something is unknown,
// because rules changed, version 3 that of those who have an archive; all others are written as before.
const (
	version        = 1
	versionUnknown = 2
	versionDivided = 3
	newestVersion  = 3
)

// ErrVersion is returned for a state that a newer release wrote.
var ErrVersion = errors.New("the state was written by a newer release of ruas: run that release or a newer one, or build the state anew under another kafka.group and topics.state")

// What an encoded customer holds beside memberships.
const (
	wasBorn = 1 << iota
	hasSeen
	hasAsides
	hasShed
	hasUnknown // from version 2 on
	hasArchive // in version 3
)

// Encode appends a customer's state to dst, without what Archive wrote: compact, and the same bytes for the same state, which with the
// customer's id takes at most 900,000 bytes. Steps see to that; in the odd case that a state still outgrew it (texts of the same length may take more
// bytes than was foreseen), it sheds its oldest entries here, undecided until its next step.
func (e *Engine) Encode(c *Customer, dst []byte) []byte {
	start := len(dst)
	for {
		dst = e.encode(c, dst[:start])
		if len(dst)-start+len(c.id) <= maxState || !e.halve(c) {
			return dst
		}
	}
}

// encode writes all moments but one as their distance from the moment of the latest decision.
func (e *Engine) encode(c *Customer, dst []byte) []byte {
	flags := byte(0)
	if c.born {
		flags |= wasBorn
	}
	var seen feature.Series
	from, fresh := e.remembered(c, &seen)
	if seen.Len() > fresh {
		flags |= hasSeen
	}
	if len(c.asides()) > 0 {
		flags |= hasAsides
	}
	if c.rare != nil && c.rare.shed > 0 {
		flags |= hasShed
	}
	v := byte(version)
	if c.state.Unknown() {
		v = versionUnknown
		flags |= hasUnknown
	}
	if fresh > from {
		v = versionDivided
		flags |= hasArchive
	}
	dst = append(dst, v, flags)
	dst = binary.AppendVarint(dst, c.at)
	if flags&hasShed != 0 {
		dst = binary.AppendUvarint(dst, uint64(c.rare.shed))
	}
	dst = e.appendMembers(c, dst)
	if flags&hasArchive != 0 {
		dst = binary.AppendUvarint(dst, uint64(fresh-from))
	}
	if flags&hasSeen != 0 {
		dst = binary.AppendUvarint(dst, uint64(seen.Len()-fresh))
		for i := fresh; i < seen.Len(); i++ {
			dst = binary.LittleEndian.AppendUint64(dst, seen.Value(i, 0).N)
			dst = binary.AppendVarint(dst, c.at-seen.Time(i))
		}
	}
	if flags&hasAsides != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(c.asides())))
		for _, a := range c.asides() {
			dst = binary.AppendVarint(dst, a.Time-c.at)
			dst = feature.AppendString(dst, a.Source)
			dst = feature.AppendString(dst, string(a.Record))
		}
	}
	if flags&hasUnknown != 0 {
		dst = e.plan.AppendSince(dst, &c.state, c.at)
	}
	return e.plan.Append(dst, &c.state, c.at)
}

// appendMembers writes a record a segment that the customer ever was in or that is due.
func (e *Engine) appendMembers(c *Customer, dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(c.members)))
	for i := range c.members {
		m := &c.members[i]
		dst = binary.LittleEndian.AppendUint32(dst, e.plan.Segments[m.segment()].Hash)
		head := m.seq() << 1
		if m.at != Never {
			head |= 1
		}
		dst = binary.AppendUvarint(dst, head)
		if m.seq() > 0 {
			dst = binary.AppendVarint(dst, c.at-m.since)
		}
		if m.at != Never {
			dst = binary.AppendVarint(dst, m.at-c.at)
		}
	}
	return dst
}

// Decode reads what Encode wrote, to be looked at: ids that are archived are left out, and a state with an archive is not to be encoded
// again. ErrVersion: a newer release wrote it. Parts that the rules in force do not know are left out too.
func (e *Engine) Decode(id string, b []byte) (*Customer, error) {
	c := new(Customer)
	if err := e.decode(c, id, b, nil, e.read); err != nil {
		return nil, err
	}
	return c, nil
}

// DecodeInto reads what Encode wrote, and what Archive did, where the state is Divided, for those who step on and keep customers inside of
// something larger. ErrVersion: a newer release wrote it. After an error c is of no use.
func (e *Engine) DecodeInto(c *Customer, id string, b, archive []byte) error {
	if err := complete(b, archive); err != nil {
		return err
	}
	return e.decode(c, id, b, archive, e.read)
}

func (e *Engine) read(c *Customer, r *feature.Reader, unknown plan.Since) {
	e.plan.Read(r, c.at, &c.state)
	e.plan.Remember(&c.state, unknown)
}

// decode reads what Encode wrote; read takes what the plan keeps. Without an archive its ids are left out.
func (e *Engine) decode(c *Customer, id string, b, archive []byte, read func(c *Customer, r *feature.Reader, unknown plan.Since)) error {
	r := feature.NewReader(b)
	v := r.Byte()
	switch {
	case r.Err() != nil || v == 0:
		return fmt.Errorf("reading the state of a customer: %w", feature.ErrTruncated)
	case v > newestVersion:
		return ErrVersion
	}
	flags := r.Byte()
	*c = Customer{id: strings.Clone(id), born: flags&wasBorn != 0, at: r.Int()}
	c.members = c.firstMembers[:0]
	scratch := stores.Get().(*feature.Store)
	c.state.Kept = *scratch
	if flags&hasShed != 0 {
		c.more().shed = r.Natural()
	}
	e.readMembers(c, r)
	if (v == versionDivided) != (flags&hasArchive != 0) {
		r.Fail()
	}
	if flags&hasArchive != 0 {
		if n := r.Natural(); archive != nil {
			if err := e.readArchive(c, archive, n); err != nil {
				return err
			}
		}
		c.fresh = 0
	}
	if flags&hasSeen != 0 {
		e.readSeen(c, r)
	}
	if flags&hasAsides != 0 {
		for n := r.Count(); n > 0 && r.Err() == nil; n-- {
			c.more().asides = append(c.asides(), Aside{Time: c.at + r.Int(), Source: r.String(), Record: []byte(r.String())})
		}
	}
	var unknown plan.Since
	if v >= versionUnknown && flags&hasUnknown != 0 {
		unknown = plan.ReadSince(r, c.at)
	}
	read(c, r, unknown)
	if r.Err() != nil || r.Rest() > 0 {
		return fmt.Errorf("reading the state of a customer: %w", feature.ErrTruncated)
	}
	*scratch = c.state.Kept
	c.state.Kept.CopyFrom(scratch)
	scratch.Reset()
	stores.Put(scratch)
	c.updateDeadline()
	c.room = room(c, len(b))
	return nil
}

// stores are where series are read to, before they get memory of just their size.
var stores = sync.Pool{New: func() any { return new(feature.Store) }}

func (e *Engine) readMembers(c *Customer, r *feature.Reader) {
	members := c.members
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		segment, known := e.plan.SegmentOf(r.Uint32())
		head := r.Uint()
		if head>>1 > seqMost {
			r.Fail()
			return
		}
		m := newMember(segment, head>>1)
		if m.seq() > 0 {
			m.since = c.at - r.Int()
		}
		if head&1 != 0 {
			m.at = c.at + r.Int()
		}
		if known && (m.seq() > 0 || m.at != Never) {
			members = append(members, m)
		}
	}
	c.setMembers(members)
}
