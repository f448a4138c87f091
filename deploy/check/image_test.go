package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const dockerfile = "deploy/image/Dockerfile"

// imageEnviron is what the image says; it is stronger than a file of settings.
var imageEnviron = map[string]string{"WATTWERK_DATA": "/data/wattwerk", "WATTWERK_ADDR": "0.0.0.0:8080"}

// recipe is a Dockerfile that was read.
type recipe struct {
	stages   []instructions.Stage
	warnings []string
	goMod    string
}

func parseDockerfile(t *testing.T, text string) (recipe, error) {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return recipe{}, err
	}
	r := recipe{goMod: read(t, "go.mod")}
	for _, w := range parsed.Warnings {
		r.warnings = append(r.warnings, w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(name, _, _, message string, at []parser.Range) {
		r.warnings = append(r.warnings, fmt.Sprintf("%s: %s %v", name, message, at))
	}})
	r.stages, _, err = instructions.Parse(parsed.AST, lint)
	return r, err
}

func (r recipe) last() instructions.Stage { return r.stages[len(r.stages)-1] }

// of gives the instructions of one kind in a stage.
func of[T instructions.Command](s instructions.Stage) []T {
	var out []T
	for _, c := range s.Commands {
		if x, ok := c.(T); ok {
			out = append(out, x)
		}
	}
	return out
}

func (r recipe) environ() map[string]string {
	out := make(map[string]string)
	for _, c := range of[*instructions.EnvCommand](r.last()) {
		for _, kv := range c.Env {
			out[kv.Key] = kv.Value
		}
	}
	return out
}

func (r recipe) exposed() []string {
	var out []string
	for _, c := range of[*instructions.ExposeCommand](r.last()) {
		out = append(out, c.Ports...)
	}
	return out
}

// exact is a tag that names one version, of three numbers.
var exact = regexp.MustCompile(`^[^:@\s]+:[a-z]*v?\d+\.\d+\.\d+(-[a-z0-9.]+)*$`)

// pinned tells whether an image has a tag that names one version. PostgreSQL's
// have two numbers.
func pinned(image string) bool {
	return exact.MatchString(image) || regexp.MustCompile(`^postgres:\d+\.\d+$`).MatchString(image)
}

// only is for rules about one thing that is right or not.
func only(ok bool, format string, args ...any) []string {
	if ok {
		return nil
	}
	return []string{fmt.Sprintf(format, args...)}
}

var dockerfileRules = []rule[recipe]{
	{"BuildKit has nothing to warn of.", func(r recipe) []string { return r.warnings }},
	{"The image begins with nothing, so there is nothing in it to be patched.", func(r recipe) []string {
		return only(r.last().BaseName == "scratch", "the last stage is from %s", r.last().BaseName)
	}},
	{"Images that build name an exact version.", func(r recipe) []string {
		var out []string
		for _, s := range r.stages[:len(r.stages)-1] {
			out = append(out, only(exact.MatchString(s.BaseName), "%s", s.BaseName)...)
		}
		return out
	}},
	{"The Go that builds is the one in go.mod.", func(r recipe) []string {
		version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(r.goMod)[1]
		return only(slices.ContainsFunc(r.stages, func(s instructions.Stage) bool { return strings.HasPrefix(s.BaseName, "golang:"+version+"-") }), "go.mod says %s", version)
	}},
	{"Compilers run on the machine that builds, for whichever machine the image is.", func(r recipe) []string {
		var out []string
		for _, s := range r.stages[:len(r.stages)-1] {
			out = append(out, only(s.Platform == "$BUILDPLATFORM", "stage %s has the platform %q", s.Name, s.Platform)...)
		}
		for _, arg := range []string{"TARGETOS", "TARGETARCH"} {
			found := false
			for _, s := range r.stages {
				for _, a := range of[*instructions.ArgCommand](s) {
					found = found || a.Args[0].Key == arg
				}
			}
			out = append(out, only(found, "no stage asks for %s", arg)...)
		}
		return out
	}},
	{"The program is linked with nothing.", func(r recipe) []string {
		for _, s := range r.stages {
			for _, c := range of[*instructions.RunCommand](s) {
				if line := strings.Join(c.CmdLine, " "); strings.Contains(line, "go build") {
					return only(strings.Contains(line, "CGO_ENABLED=0 "), "%s", line)
				}
			}
		}
		return []string{"no stage builds a program"}
	}},
	{"The user is a number, so that Kubernetes can see that it is not root.", func(r recipe) []string {
		users := of[*instructions.UserCommand](r.last())
		return only(len(users) == 1 && regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(users[0].User), "users are %v", users)
	}},
	{"What runs is a list of words, for there is no shell.", func(r recipe) []string {
		var out []string
		for _, c := range of[*instructions.EntrypointCommand](r.last()) {
			out = append(out, only(!c.PrependShell, "the entry point is a line for a shell")...)
		}
		for _, c := range of[*instructions.CmdCommand](r.last()) {
			out = append(out, only(!c.PrependShell, "the command is a line for a shell")...)
		}
		return append(out, only(len(of[*instructions.EntrypointCommand](r.last())) == 1, "there is not one entry point")...)
	}},
	{"The program itself is asked for its health, for there is no shell to ask with.", func(r recipe) []string {
		h := of[*instructions.HealthCheckCommand](r.last())
		return only(len(h) == 1 && slices.Equal(h[0].Health.Test, []string{"CMD", "/usr/bin/wattwerk", "health"}), "health checks are %v", h)
	}},
	{"The last stage runs nothing, and copies only from stages that there are.", func(r recipe) []string {
		out := only(len(of[*instructions.RunCommand](r.last())) == 0, "there is no shell in an empty image")
		for _, c := range of[*instructions.CopyCommand](r.last()) {
			out = append(out, only(c.From == "" || slices.ContainsFunc(r.stages, func(s instructions.Stage) bool { return s.Name == c.From }), "there is no stage %s", c.From)...)
		}
		return out
	}},
	{"Certificates are in the image.", func(r recipe) []string {
		return only(slices.ContainsFunc(of[*instructions.CopyCommand](r.last()), func(c *instructions.CopyCommand) bool {
			return c.DestPath == "/etc/ssl/certs/ca-certificates.crt"
		}), "providers with TLS could not be trusted")
	}},
	{"Data is in a volume that belongs to the user.", func(r recipe) []string {
		data := r.environ()["WATTWERK_DATA"]
		for _, v := range of[*instructions.VolumeCommand](r.last()) {
			for _, path := range v.Volumes {
				if !strings.HasPrefix(data, path+"/") {
					continue
				}
				for _, c := range of[*instructions.CopyCommand](r.last()) {
					if c.DestPath == path {
						return only(c.Chown == of[*instructions.UserCommand](r.last())[0].User, "%s belongs to %q", path, c.Chown)
					}
				}
				return []string{"nobody made " + path}
			}
		}
		return []string{"the data in " + data + " is not below a volume"}
	}},
	{"The port of the page is exposed.", func(r recipe) []string {
		addr := r.environ()["WATTWERK_ADDR"]
		port := addr[strings.LastIndex(addr, ":")+1:]
		return only(slices.Contains(r.exposed(), port+"/tcp"), "it is %s, and exposed are %v", port, r.exposed())
	}},
	{"The program takes the settings in the environment.", func(r recipe) []string {
		environ := r.environ()
		delete(environ, "PATH")
		_, err := settings("", environ)
		return only(err == nil, "%v", err)
	}},
	{"Labels say what it is, where it comes from and what may be done with it.", func(r recipe) []string {
		have := make(map[string]string)
		for _, c := range of[*instructions.LabelCommand](r.last()) {
			for _, kv := range c.Labels {
				have[kv.Key] = kv.Value
			}
		}
		var out []string
		for _, name := range []string{"title", "description", "source", "documentation", "licenses", "version"} {
			out = append(out, only(strings.Trim(have["org.opencontainers.image."+name], `"`) != "", "there is no org.opencontainers.image.%s", name)...)
		}
		return out
	}},
}

func TestDockerfile(t *testing.T) {
	r, err := parseDockerfile(t, read(t, dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	hold(t, r, dockerfileRules)
	for name, want := range imageEnviron {
		if got := r.environ()[name]; got != want {
			t.Errorf("the image says %s=%s; the rules about containers and clusters think it is %s", name, got, want)
		}
	}
}

func TestDockerfileMutationsAreCaught(t *testing.T) {
	caught(t, read(t, dockerfile), parseDockerfile, dockerfileRules, []mutation{
		{refused, "HEALTHCHECK ", "HEALTHCHEQUE "},
		{refused, "ENTRYPOINT ", "ENTRYPOINT --fast "},
		{"BuildKit has nothing to warn of.", "AS page", "as page"},
		{"The image begins with nothing, so there is nothing in it to be patched.", "FROM scratch", "FROM debian:13.1"},
		{"Images that build name an exact version.", "node:20.19.5-bookworm-slim", "node:20"},
		{"Images that build name an exact version.", "node:20.19.5-bookworm-slim", "node:latest"},
		{"The Go that builds is the one in go.mod.", "golang:1.26.8-", "golang:1.25.1-"},
		{"Compilers run on the machine that builds, for whichever machine the image is.", "FROM --platform=$BUILDPLATFORM golang", "FROM golang"},
		{"Compilers run on the machine that builds, for whichever machine the image is.", "ARG TARGETARCH\n", ""},
		{"The program is linked with nothing.", "CGO_ENABLED=0 ", ""},
		{"The user is a number, so that Kubernetes can see that it is not root.", "USER 65532:65532", "USER wattwerk"},
		{"The user is a number, so that Kubernetes can see that it is not root.", "USER 65532:65532\n", ""},
		{"The user is a number, so that Kubernetes can see that it is not root.", "USER 65532:65532", "USER 0:0"},
		{"What runs is a list of words, for there is no shell.", `ENTRYPOINT ["/usr/bin/wattwerk"]`, "ENTRYPOINT /usr/bin/wattwerk"},
		{"The program itself is asked for its health, for there is no shell to ask with.", `CMD ["/usr/bin/wattwerk", "health"]`, "CMD curl -f http://127.0.0.1:8080/healthz"},
		{"The last stage runs nothing, and copies only from stages that there are.", "COPY --from=program /out/wattwerk", "COPY --from=programme /out/wattwerk"},
		{"The last stage runs nothing, and copies only from stages that there are.", "STOPSIGNAL", "RUN [\"true\"]\nSTOPSIGNAL"},
		{"Certificates are in the image.", "COPY --from=program /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt\n", ""},
		{"Data is in a volume that belongs to the user.", "VOLUME /data\n", ""},
		{"Data is in a volume that belongs to the user.", "--chown=65532:65532 /out/data", "/out/data"},
		{"The port of the page is exposed.", "EXPOSE 8080/tcp", "EXPOSE 80/tcp"},
		{"The program takes the settings in the environment.", "WATTWERK_ADDR=", "WATTWERK_LISTEN="},
		{"The program takes the settings in the environment.", "0.0.0.0:8080", "0.0.0.0"},
		{"Labels say what it is, where it comes from and what may be done with it.", "image.licenses", "image.license"},
	})
}

// TestNothingThatIsBuiltIsIgnored holds the list of what stays out of the
// build's context to what the build needs.
func TestNothingThatIsBuiltIsIgnored(t *testing.T) {
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, dockerfile+".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	needed := []string{"go.mod", "go.sum", "LICENSE", "NOTICE", "web/ui/package-lock.json", "web/ui/.npmrc", "web/ui/index.html", "web/ui/src/main.tsx"}
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,GoFiles,EmbedFiles,Module", "./cmd/wattwerk")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Dir                 string
			GoFiles, EmbedFiles []string
			Module              *struct{ Main bool }
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		for _, f := range slices.Concat(p.GoFiles, p.EmbedFiles) {
			path, err := filepath.Rel(top, filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(path, "web/ui/dist/") { // the stage before makes it
				needed = append(needed, path)
			}
		}
	}
	if len(needed) < 100 {
		t.Errorf("only %d files are needed? The test is wrong", len(needed))
	}
	for path, want := range map[string]bool{".git/config": true, "web/ui/node_modules/x/y.js": true, "deploy/compose/secrets/db": true, "data/wattwerk.db": true} {
		if got, err := ignored.MatchesOrParentMatches(path); err != nil || got != want {
			t.Errorf("%s is ignored: %v %v", path, got, err)
		}
	}
	for _, path := range needed {
		if got, err := ignored.MatchesOrParentMatches(path); err != nil || got {
			t.Errorf("the build needs %s, which is ignored (%v)", path, err)
		}
	}
}
