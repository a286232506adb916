package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ruas/ruas/internal/pipeline"
)

// access is what a request asks of Kafka, so that a refusal can name it.
type access struct {
	operation, topic string // empty: no topic is asked for
	id               string // the transactional id; empty: none
}

func describing(topic string) access { return access{operation: "Describe", topic: topic} }
func reading(topic string) access    { return access{operation: "Read", topic: topic} }
func creating(topic string) access   { return access{operation: "Create", topic: topic} }

// denied names what an ACL is missing for; empty: err is something else.
func (k *Kafka) denied(err error, to access) string {
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed) && to.topic != "":
		return to.operation + " on the topic " + to.topic
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return "an operation on a topic"
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return "Read on the group " + k.opt.Group
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return "Write on the transactional id " + to.id
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		return to.operation + " on the cluster"
	}
	return ""
}

// refuse says which operations the user may not do.
func (k *Kafka) refuse(doing, what string) *pipeline.Refusal {
	user := "this user"
	if k.opt.SASL.User != "" {
		user = fmt.Sprintf("user %q", k.opt.SASL.User)
	}
	return &pipeline.Refusal{Unreachable: true, Reason: fmt.Sprintf(
		"%s: Kafka does not allow %s: %s (an ACL is missing; docs/operations.md lists what ruas needs)", doing, user, what)}
}

// needs is what is done with a topic.
type needs struct {
	topic      string
	operations []kmsg.ACLOperation
}

// lacks names those operations that the broker does not allow. A broker without ACLs, or that does not tell, allows all.
func (n needs) lacks(found *kmsg.MetadataResponseTopic) string {
	allowed := found.AuthorizedOperations
	switch {
	case found.ErrorCode == kerr.TopicAuthorizationFailed.Code:
		allowed = 0
	case found.ErrorCode != 0, allowed&(1<<kmsg.ACLOperationDescribe) == 0:
		return ""
	}
	var list []string
	for _, op := range n.operations {
		if allowed&(1<<op) == 0 {
			list = append(list, operationNames[op])
		}
	}
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, " and ") + " on the topic " + n.topic
}

var operationNames = map[kmsg.ACLOperation]string{kmsg.ACLOperationRead: "Read", kmsg.ACLOperationWrite: "Write"}
