package plan

import (
	"sync"
	"time"

	"github.com/ruas/ruas/internal/iana"
)

// zones remembers what names of zones mean: reading one costs microseconds, and profiles may hold any text.
var zones zoneCache

// zoneCache is bounded, so that a stream of nonsense names cannot fill the memory.
type zoneCache struct {
	mu    sync.RWMutex
	named map[string]*time.Location
}

const maxZones = 2048

func (c *zoneCache) load(name string) *time.Location {
	c.mu.RLock()
	loc, ok := c.named[name]
	c.mu.RUnlock()
	if ok {
		return loc
	}
	loc = iana.Zone(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.named == nil || len(c.named) >= maxZones {
		c.named = make(map[string]*time.Location)
	}
	c.named[string(append([]byte(nil), name...))] = loc
	return loc
}
