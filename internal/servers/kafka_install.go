package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	kafkaVersion = "4.4.0"
	log4jVersion = "2.25.5" // without log4j-slf4j-impl, the kind for slf4j 1.7, a broker logs nothing, not even why it dies
	mavenPlugin  = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
)

// kafkaJars is Kafka as it is installed: jars from Maven Central, a log configuration and an archive of loaded classes, which more than
// halves the time of a start.
type kafkaJars struct{ folder string }

// Install brings everything onto this machine that local servers need and that may take a while, so that no test waits for it. It
// needs java and mvn; where it was done before it returns at once.
func Install(ctx context.Context) error {
	_, err := installKafka(ctx)
	return err
}

// installKafka is for one process at a time: others wait for it.
func installKafka(ctx context.Context) (*kafkaJars, error) {
	root, err := cacheFolder()
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(root, "kafka.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Close() }() // which unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("waiting for another process: %w", err)
	}
	version := setting("RUAS_TEST_KAFKA_VERSION", kafkaVersion)
	k := &kafkaJars{folder: filepath.Join(root, "kafka-"+version)}
	done := filepath.Join(k.folder, "installed")
	if _, err := os.Stat(done); err == nil {
		return k, nil
	}
	if err := os.RemoveAll(k.folder); err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return k.fetch(ctx, version) },
		func() error { return k.archive(ctx) },
		func() error { return os.WriteFile(done, nil, 0o600) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// cacheFolder is .servers beside the nearest go.mod.
func cacheFolder() (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(at)
		if up == at {
			return "", errors.New("no go.mod in this folder or above it")
		}
		at = up
	}
	folder := filepath.Join(at, ".servers")
	return folder, os.MkdirAll(folder, 0o755)
}

// fetch lets Maven bring the broker's jars.
func (k *kafkaJars) fetch(ctx context.Context, version string) error {
	if err := os.MkdirAll(k.folder, 0o755); err != nil {
		return err
	}
	dependency := func(group, name, version string) string {
		return fmt.Sprintf("<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>", group, name, version)
	}
	pom := `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>` +
		`<groupId>ruas</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>` +
		dependency("org.apache.kafka", "kafka_2.13", version) + dependency("org.apache.logging.log4j", "log4j-slf4j-impl", log4jVersion) +
		`</dependencies></project>`
	const log = `status = error
appender.c.type = Console
appender.c.name = c
appender.c.layout.type = PatternLayout
appender.c.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1}: %m%n%throwable
rootLogger.level = warn
rootLogger.appenderRef.c.ref = c
`
	for name, text := range map[string]string{"pom.xml": pom, "log4j2.properties": log} {
		if err := os.WriteFile(filepath.Join(k.folder, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return run(exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", filepath.Join(k.folder, "pom.xml"), mavenPlugin,
		"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(k.folder, "libs")))
}

// archive starts a broker once: the JVM writes the classes that it loaded when it stops.
func (k *kafkaJars) archive(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "ruas-kafka-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a leftover in the temporary folder harms nobody
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	port, controller := ports[0], ports[1]
	conf := filepath.Join(folder, "server.properties")
	text := broker{id: 1, port: port, controller: controller, folder: folder}.properties("1@"+address(controller), 1)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	if err := run(k.java(ctx, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", conf)); err != nil {
		return err
	}
	cmd := k.java(ctx, "-XX:ArchiveClassesAtExit="+k.classes(), "kafka.Kafka", conf)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(startTimeout); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address(port)); err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(end) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return fmt.Errorf("a broker does not start:\n%s", out.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_ = cmd.Wait() // a JVM that was asked to end reports the signal
	if _, err := os.Stat(k.classes()); err != nil {
		return fmt.Errorf("the JVM wrote no archive of classes: %w\n%s", err, out.String())
	}
	return nil
}

func (k *kafkaJars) classes() string { return filepath.Join(k.folder, "classes.jsa") }

// java runs a class of Kafka.
func (k *kafkaJars) java(ctx context.Context, args ...string) *exec.Cmd {
	argv := k.argv(smallJava, args...)
	return exec.CommandContext(ctx, argv[0], argv[1:]...)
}

// Options of the JVM: smallJava for a quick start and little memory, largeJava as Kafka's own scripts have them.
const (
	smallJava = "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
	largeJava = "-Xms1g -Xmx1g -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35"
)

func (k *kafkaJars) argv(byDefault string, args ...string) []string {
	options := strings.Fields(setting("RUAS_TEST_KAFKA_JAVA", byDefault))
	argv := append([]string{"java"}, options...)
	argv = append(argv, "-Xlog:disable", "-Xlog:all=error:stderr", "-Dlog4j2.configurationFile="+filepath.Join(k.folder, "log4j2.properties"),
		"-cp", filepath.Join(k.folder, "libs", "*"))
	return append(argv, args...)
}

// broker is the command that formats a broker's folder, where it is new, and runs the broker.
func (k *kafkaJars) broker(b broker, format []string) []string {
	shared := "-XX:SharedArchiveFile=" + k.classes()
	options := smallJava
	if b.throughput {
		options = largeJava
	}
	return []string{"sh", "-c", b.unlessFormatted() +
		quoted(k.argv(smallJava, append([]string{shared, "kafka.tools.StorageTool", "format"}, format...)...)) +
		" && exec " + quoted(k.argv(options, shared, "kafka.Kafka", b.conf()))}
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd.Args[0], err, out)
	}
	return nil
}
