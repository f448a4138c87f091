package check

import (
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

const composeDir = "deploy/compose"

// stack is a compose file that was read.
type stack struct{ *types.Project }

func parseCompose(t *testing.T, text string) (stack, error) {
	t.Helper()
	dir, err := filepath.Abs(composeDir)
	if err != nil {
		return stack{}, err
	}
	o, err := cli.NewProjectOptions([]string{write(t, filepath.Join(t.TempDir(), "compose.yaml"), text)},
		cli.WithWorkingDirectory(dir), cli.WithResolvedPaths(true), cli.WithNormalization(true), cli.WithConsistency(true))
	if err != nil {
		return stack{}, err
	}
	p, err := o.LoadProject(t.Context())
	return stack{p}, err
}

// each asks the same of every service.
func each(ask func(stack, types.ServiceConfig) []string) func(stack) []string {
	return func(s stack) []string {
		var out []string
		for _, name := range s.ServiceNames() {
			for _, where := range ask(s, s.Services[name]) {
				out = append(out, name+": "+where)
			}
		}
		return out
	}
}

// stays is each for the services that go on running: not for the one that
// prepares volumes, which has a rule of its own.
func stays(ask func(stack, types.ServiceConfig) []string) func(stack) []string {
	return each(func(s stack, c types.ServiceConfig) []string {
		if prepares(c) {
			return nil
		}
		return ask(s, c)
	})
}

// prepares tells whether a service only gives volumes to their user and ends.
func prepares(c types.ServiceConfig) bool {
	return len(c.Entrypoint) > 0 && c.Entrypoint[0] == "chown"
}

// ours is each for the services that are wattwerk.
func ours(ask func(stack, types.ServiceConfig) []string) func(stack) []string {
	return each(func(s stack, c types.ServiceConfig) []string {
		if !isOurs(c) {
			return nil
		}
		return ask(s, c)
	})
}

func isOurs(c types.ServiceConfig) bool { return strings.HasPrefix(c.Image, "wattwerk/wattwerk:") }

func environ(c types.ServiceConfig) map[string]string {
	out := make(map[string]string)
	for k, v := range c.Environment {
		if v != nil {
			out[k] = *v
		}
	}
	return out
}

// force gives the settings of a service as the program understands them.
func (s stack) force(c types.ServiceConfig) (map[string]any, error) {
	env := environ(c)
	// The image says where data is unless somebody says otherwise.
	for k, v := range imageEnviron {
		if env[k] == "" {
			env[k] = v
		}
	}
	file := ""
	if inside := env["WATTWERK_CONFIG"]; inside != "" {
		for _, use := range c.Configs {
			if use.Target == inside {
				file = s.Configs[use.Source].File
			}
		}
		if file == "" {
			return nil, fmt.Errorf("WATTWERK_CONFIG names %s, where nothing is mounted", inside)
		}
	}
	delete(env, "WATTWERK_CONFIG")
	var flags []string
	if len(c.Command) > 0 {
		flags = c.Command[1:]
	}
	out, err := settings(file, env, flags...)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	return tree, yaml.Unmarshal([]byte(out), &tree)
}

// leaves gives every setting by its dotted key, lists joined with commas.
func leaves(prefix string, tree map[string]any) map[string]string {
	out := make(map[string]string)
	for k, v := range tree {
		switch x := v.(type) {
		case map[string]any:
			for kk, vv := range leaves(prefix+k+".", x) {
				out[kk] = vv
			}
		case []any:
			var words []string
			for _, e := range x {
				words = append(words, fmt.Sprint(e))
			}
			out[prefix+k] = strings.Join(words, ",")
		default:
			out[prefix+k] = fmt.Sprint(v)
		}
	}
	return out
}

// inForce is ours for what is said about settings; those that cannot be read
// break another rule.
func inForce(ask func(stack, types.ServiceConfig, map[string]string) []string) func(stack) []string {
	return ours(func(s stack, c types.ServiceConfig) []string {
		tree, err := s.force(c)
		if err != nil {
			return nil
		}
		return ask(s, c, leaves("", tree))
	})
}

var (
	secretName = regexp.MustCompile(`(?i)(password|passwd|secret|token|credential|_key$)`)
	host       = regexp.MustCompile(`^[a-z][a-z0-9+]*://`)
)

// hosts are the machines that settings name in URLs, with their ports.
func hosts(values map[string]string) []string {
	var out []string
	for _, v := range values {
		for _, word := range strings.Split(v, ",") {
			if !host.MatchString(word) {
				continue
			}
			if u, err := url.Parse(word); err == nil && u.Hostname() != "" {
				out = append(out, u.Hostname())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mounted are the files that are put into a container.
func mounted(c types.ServiceConfig) []string {
	var out []string
	for _, x := range c.Configs {
		out = append(out, x.Target)
	}
	for _, x := range c.Secrets {
		target := x.Target
		if target == "" {
			target = x.Source
		}
		if !strings.HasPrefix(target, "/") {
			target = "/run/secrets/" + target
		}
		out = append(out, target)
	}
	return out
}

// writable are the directories of a container that can be written.
func writable(c types.ServiceConfig) []string {
	var out []string
	for _, v := range c.Volumes {
		if !v.ReadOnly {
			out = append(out, v.Target)
		}
	}
	for _, v := range c.Tmpfs {
		path, _, _ := strings.Cut(v, ":")
		out = append(out, path)
	}
	return out
}

// longestStop is how long the program may take to stop.
const longestStop = 150 * time.Second

var composeRules = []rule[stack]{
	{"Images name an exact version.", each(func(_ stack, c types.ServiceConfig) []string {
		return only(pinned(c.Image), "%s", c.Image)
	})},
	{"Nothing but the gateway is published, and that to this machine only.", each(func(_ stack, c types.ServiceConfig) []string {
		var out []string
		for _, p := range c.Ports {
			out = append(out, only(p.HostIP == "127.0.0.1" && isOurs(c) && p.Target == 8080, "port %d is published at %s", p.Target, p.HostIP)...)
		}
		return out
	})},
	{"The page is published.", func(s stack) []string {
		n := 0
		for _, c := range s.Services {
			n += len(c.Ports)
		}
		return only(n >= 1, "nobody could reach it")
	}},
	{"The image cannot be written.", each(func(_ stack, c types.ServiceConfig) []string { return only(c.ReadOnly, "read_only is not set") })},
	{"Nobody has capabilities, and nobody can get any.", stays(func(_ stack, c types.ServiceConfig) []string {
		return only(slices.Equal(c.CapDrop, []string{"ALL"}) && len(c.CapAdd) == 0 && !c.Privileged && slices.Contains(c.SecurityOpt, "no-new-privileges:true"),
			"dropped are %v, options are %v", c.CapDrop, c.SecurityOpt)
	})},
	{"Nobody is root.", stays(func(_ stack, c types.ServiceConfig) []string {
		return only(regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(c.User), "the user is %q", c.User)
	})},
	{"Nobody shares a namespace with the machine.", stays(func(_ stack, c types.ServiceConfig) []string {
		return only(c.NetworkMode == "" && c.Pid == "" && c.Ipc == "", "network %q, pid %q, ipc %q", c.NetworkMode, c.Pid, c.Ipc)
	})},
	{"Everybody is asked for his health, without a shell.", stays(func(_ stack, c types.ServiceConfig) []string {
		return only(c.HealthCheck != nil && !c.HealthCheck.Disable && len(c.HealthCheck.Test) > 1 && c.HealthCheck.Test[0] == "CMD" &&
			c.HealthCheck.Interval != nil && c.HealthCheck.Timeout != nil && c.HealthCheck.StartPeriod != nil, "the health check is %v", c.HealthCheck)
	})},
	{"The program itself says how it is.", ours(func(_ stack, c types.ServiceConfig) []string {
		return only(c.HealthCheck != nil && slices.Equal(c.HealthCheck.Test, types.HealthCheckTest{"CMD", "/usr/bin/wattwerk", "health"}), "the health check is %v", c.HealthCheck)
	})},
	{"Everybody is started again when he falls.", stays(func(_ stack, c types.ServiceConfig) []string {
		return only(c.Restart == "unless-stopped", "restart is %q", c.Restart)
	})},
	{"Nobody can take more than his share of the machine.", each(func(_ stack, c types.ServiceConfig) []string {
		d := c.Deploy
		return only(d != nil && d.Resources.Limits != nil && d.Resources.Limits.NanoCPUs > 0 && d.Resources.Limits.MemoryBytes > 0 && d.Resources.Limits.Pids > 0, "there are no limits of processors, memory and processes")
	})},
	{"Logs do not fill the disk.", each(func(_ stack, c types.ServiceConfig) []string {
		return only(c.Logging != nil && c.Logging.Options["max-size"] != "" && c.Logging.Options["max-file"] != "", "logs have no bound")
	})},
	{"Who gives volumes to their user can do nothing else.", each(func(_ stack, c types.ServiceConfig) []string {
		if !prepares(c) {
			return nil
		}
		return only(slices.Equal(c.CapDrop, []string{"ALL"}) && slices.Equal(c.CapAdd, []string{"CHOWN"}) && !c.Privileged && slices.Contains(c.SecurityOpt, "no-new-privileges:true") &&
			c.NetworkMode == "none" && c.Restart == "no" && len(c.Secrets) == 0 && len(c.Configs) == 0, "it has more than it needs")
	})},
	{"Volumes of foreign images are given to their user first.", stays(func(s stack, c types.ServiceConfig) []string {
		var out []string
		for _, v := range c.Volumes {
			if isOurs(c) || v.Type != types.VolumeTypeVolume { // ours has a directory that belongs to its user
				continue
			}
			found := false
			for name := range c.DependsOn {
				o := s.Services[name]
				for _, w := range o.Volumes {
					found = found || prepares(o) && w.Source == v.Source && slices.Contains(o.Entrypoint, w.Target) && o.Entrypoint[1] == c.User
				}
			}
			out = append(out, only(found, "%s stays root's", v.Source)...)
		}
		return out
	})},
	{"Who waits for another waits until it is well.", each(func(s stack, c types.ServiceConfig) []string {
		var out []string
		for name, d := range c.DependsOn {
			want := types.ServiceConditionHealthy
			if prepares(s.Services[name]) {
				want = types.ServiceConditionCompletedSuccessfully
			}
			out = append(out, only(d.Condition == want, "of %s it waits for %s", name, d.Condition)...)
		}
		return out
	})},
	{"Secrets are files, and never variables.", each(func(_ stack, c types.ServiceConfig) []string {
		var out []string
		for name, value := range environ(c) {
			out = append(out, only(!secretName.MatchString(name) || strings.HasSuffix(strings.ToUpper(name), "_FILE"), "%s", name)...)
			out = append(out, only(!regexp.MustCompile(`://[^/@]*:[^/@]*@`).MatchString(value), "%s holds a password", name)...)
		}
		return out
	})},
	{"Secrets are made where they are used, and are not in the repository.", func(s stack) []string {
		var out []string
		for name, x := range s.Secrets {
			if x.File == "" {
				out = append(out, name+" is no file")
				continue
			}
			committed, err := exec.Command("git", "ls-files", "--error-unmatch", x.File).CombinedOutput()
			out = append(out, only(err != nil, "%s is committed: %s", name, committed)...)
			out = append(out, only(exec.Command("git", "check-ignore", "--quiet", x.File).Run() == nil, "git would take %s", x.File)...)
		}
		return out
	}},
	{"The program takes its settings.", ours(func(s stack, c types.ServiceConfig) []string {
		_, err := s.force(c)
		return only(err == nil, "%v", err)
	})},
	{"The command is one that runs.", ours(func(_ stack, c types.ServiceConfig) []string {
		return only(len(c.Command) > 0 && c.Command[0] == "run", "the command is %v", c.Command)
	})},
	{"Files that settings name are there.", inForce(func(_ stack, c types.ServiceConfig, values map[string]string) []string {
		var out []string
		for key, v := range values {
			if strings.HasSuffix(key, "_file") && v != "" {
				out = append(out, only(slices.Contains(mounted(c), v), "%s is %s, and mounted are %v", key, v, mounted(c))...)
			}
		}
		return out
	})},
	{"Data is written where writing is possible.", inForce(func(_ stack, c types.ServiceConfig, values map[string]string) []string {
		return only(slices.ContainsFunc(writable(c), func(dir string) bool { return strings.HasPrefix(values["data"], dir+"/") }),
			"data is %s, and only %v can be written", values["data"], writable(c))
	})},
	{"Who keeps readings keeps them in a volume.", inForce(func(_ stack, c types.ServiceConfig, values map[string]string) []string {
		if values["bus.nats"] != "" {
			return nil // the cluster keeps them
		}
		return only(slices.ContainsFunc(c.Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Type == types.VolumeTypeVolume && strings.HasPrefix(values["data"], v.Target+"/")
		}), "%s is not below a volume", values["data"])
	})},
	{"Other services answer outside of their container.", inForce(func(_ stack, _ types.ServiceConfig, values map[string]string) []string {
		return only(strings.HasPrefix(values["addr"], "0.0.0.0:"), "addr is %s", values["addr"])
	})},
	{"Machines that settings name are services in the same network, and are waited for.", inForce(func(s stack, c types.ServiceConfig, values map[string]string) []string {
		var out []string
		for _, h := range hosts(values) {
			other, ok := s.Services[h]
			if !ok {
				out = append(out, "there is no "+h)
				continue
			}
			shared := false
			for n := range c.Networks {
				_, in := other.Networks[n]
				shared = shared || in
			}
			out = append(out, only(shared, "%s is in no network of his", h)...)
			if _, waits := c.DependsOn[h]; !waits && h != c.Name {
				out = append(out, "it does not wait for "+h)
			}
		}
		return out
	})},
	{"Whoever keeps state has time to write it out.", inForce(func(_ stack, c types.ServiceConfig, values map[string]string) []string {
		m := values["modules"]
		if m != "" && !strings.Contains(m, "history") {
			return nil
		}
		return only(c.StopGracePeriod != nil && time.Duration(*c.StopGracePeriod) > longestStop, "it is killed before the %v are over that the program may take", longestStop)
	})},
	{"Every module runs somewhere.", func(s stack) []string {
		runs := make(map[string]bool)
		for _, c := range s.Services {
			if !isOurs(c) {
				continue
			}
			tree, err := s.force(c)
			if err != nil {
				return nil // breaks another rule
			}
			for _, m := range modulesOf(leaves("", tree)) {
				runs[m] = true
			}
		}
		var out []string
		for _, m := range allModules {
			out = append(out, only(runs[m], "nobody runs %s", m)...)
		}
		return out
	}},
	{"What is declared is used.", func(s stack) []string {
		used := make(map[string]bool)
		for _, c := range s.Services {
			for _, x := range c.Configs {
				used["config "+x.Source] = true
			}
			for _, x := range c.Secrets {
				used["secret "+x.Source] = true
			}
			for _, x := range c.Volumes {
				used["volume "+x.Source] = true
			}
		}
		var out []string
		for name := range s.Configs {
			out = append(out, only(used["config "+name], "config %s", name)...)
		}
		for name := range s.Secrets {
			out = append(out, only(used["secret "+name], "secret %s", name)...)
		}
		for name := range s.Volumes {
			out = append(out, only(used["volume "+name], "volume %s", name)...)
		}
		return out
	}},
}

// allModules are those that an installation needs; 'wattwerk modules' lists
// them as running by default.
var allModules = []string{"registry", "history", "settlement", "aggregate", "alert", "cir", "service", "bridge", "gateway"}

func modulesOf(values map[string]string) []string {
	m := strings.Trim(values["modules"], "[]")
	if m == "" {
		return allModules
	}
	return strings.Split(m, ",")
}

func TestModulesAreThoseOfTheProgram(t *testing.T) {
	out, err := exec.Command(program, "modules").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range allModules {
		if !regexp.MustCompile(`(?m)^` + m + ` `).Match(out) {
			t.Errorf("wattwerk has no module %s any more:\n%s", m, out)
		}
	}
}

func TestCompose(t *testing.T) {
	for _, name := range composeFiles(t) {
		t.Run(name, func(t *testing.T) {
			s, err := parseCompose(t, read(t, filepath.Join(composeDir, name)))
			if err != nil {
				t.Fatal(err)
			}
			hold(t, s, composeRules)
		})
	}
}

func composeFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(composeDir, "compose*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

func TestComposeMutationsAreCaught(t *testing.T) {
	text := read(t, filepath.Join(composeDir, "compose.yaml"))
	var scaledOnly, rest []rule[stack]
	for _, r := range composeRules {
		if strings.Contains(r.says, "their user") {
			scaledOnly = append(scaledOnly, r)
		} else {
			rest = append(rest, r)
		}
	}
	caught(t, read(t, filepath.Join(composeDir, "compose.scaled.yaml")), parseCompose, scaledOnly, []mutation{
		{"Who gives volumes to their user can do nothing else.", "cap_add: [CHOWN]", "cap_add: [CHOWN, SYS_ADMIN]"},
		{"Who gives volumes to their user can do nothing else.", "network_mode: none", "networks: [inside]"},
		{"Volumes of foreign images are given to their user first.", `"/v/nats-2", `, ""},
		{"Volumes of foreign images are given to their user first.", "  depends_on:\n    owner: {condition: service_completed_successfully}\n", ""},
		{refused, "nats: {file: config/nats.conf}", ""},
		{refused, "nats-3: {condition: service_healthy}", "nats-4: {condition: service_healthy}"},
		{refused, "networks: [inside, outside]", "networks: [inside, out]"},
	})
	caught(t, text, parseCompose, rest, []mutation{
		{refused, "restart:", "reboot:"},
		{refused, "source: wattwerk", "source: wattwork"},
		{refused, "- data:/data", "- other:/data"},
		{refused, "services:\n", "services:\n  x: {image: \"a:1.0.0\", depends_on: [y]}\n"},
		{"Images name an exact version.", "wattwerk:v1.0.0", "wattwerk:latest"},
		{"Images name an exact version.", "image: wattwerk/wattwerk:v1.0.0", "image: wattwerk/wattwerk"},
		{"Nothing but the gateway is published, and that to this machine only.", "127.0.0.1:8080:8080", "8080:8080"},
		{"Nothing but the gateway is published, and that to this machine only.", "127.0.0.1:8080:8080", "127.0.0.1:4222:4222"},
		{"The page is published.", "    ports:\n      - \"127.0.0.1:8080:8080\"\n", ""},
		{"The image cannot be written.", "    read_only: true\n", ""},
		{"Nobody has capabilities, and nobody can get any.", "cap_drop: [ALL]", "cap_drop: [NET_RAW]"},
		{"Nobody has capabilities, and nobody can get any.", "cap_drop: [ALL]", "cap_drop: [ALL]\n    cap_add: [SYS_ADMIN]"},
		{"Nobody is root.", `user: "65532:65532"`, `user: "0:0"`},
		{"Nobody is root.", "    user: \"65532:65532\"\n", ""},
		{"Nobody shares a namespace with the machine.", "    read_only: true", "    pid: host\n    read_only: true"},
		{"Everybody is asked for his health, without a shell.", `["CMD", "/usr/bin/wattwerk", "health"]`, `wattwerk health`},
		{"The program itself says how it is.", `"health"]`, `"healthy"]`},
		{"Everybody is started again when he falls.", "restart: unless-stopped", "restart: \"no\""},
		{"Nobody can take more than his share of the machine.", ", pids: 512", ""},
		{"Nobody can take more than his share of the machine.", `cpus: "2", `, ""},
		{"Logs do not fill the disk.", "max-size: 10m, ", ""},
		{"Who waits for another waits until it is well.", "services:\n", "services:\n  x: {image: \"a:1.0.0\", depends_on: [wattwerk]}\n"},
		{"Secrets are files, and never variables.", "    environment:\n", "    environment:\n      WATTWERK_TOKEN: abc\n"},
		{"Secrets are files, and never variables.", "    environment:\n", "    environment:\n      URL: postgres://me:abc@db/x\n"},
		{"Secrets are made where they are used, and are not in the repository.", "volumes:\n  data:", "secrets:\n  s: {file: config/single.yaml}\nvolumes:\n  data:"},
		{"The program takes its settings.", "    environment:\n", "    environment:\n      WATTWERK_BUS_NAT: nats://x\n"},
		{"The program takes its settings.", "target: /etc/wattwerk/wattwerk.yaml", "target: /etc/wattwerk/other.yaml"},
		{"The program takes its settings.", "file: config/single.yaml", "file: compose.yaml"},
		{"The program takes its settings.", `command: ["run"]`, `command: ["run", "--modules", "brigde"]`},
		{"The command is one that runs.", `command: ["run"]`, `command: ["rum"]`},
		{"Files that settings name are there.", "    environment:\n", "    environment:\n      WATTWERK_BUS_LOGIN_FILE: /run/secrets/login\n"},
		{"Data is written where writing is possible.", "data:/data", "data:/dat"},
		{"Data is written where writing is possible.", "    environment:\n", "    environment:\n      WATTWERK_DATA: /var/lib/wattwerk\n"},
		{"Who keeps readings keeps them in a volume.", "    volumes:\n      - data:/data\n", "    volumes:\n      - data:/elsewhere\n"},
		{"Other services answer outside of their container.", "    environment:\n", "    environment:\n      WATTWERK_ADDR: 127.0.0.1:8080\n"},
		{"Machines that settings name are services in the same network, and are waited for.", "    environment:\n", "    environment:\n      WATTWERK_BUS_NATS: nats://nats-1:4222\n"},
		{"Whoever keeps state has time to write it out.", "    stop_grace_period: 180s\n", ""},
		{"Every module runs somewhere.", `command: ["run"]`, `command: ["run", "--modules", "bridge,gateway"]`},
		{"What is declared is used.", "volumes:\n  data:", "volumes:\n  data:\n  more:"},
	})
}
