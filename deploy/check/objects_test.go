package check

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// cluster is everything that would be applied, decoded.
type cluster struct {
	workloads []workload
	services  []*corev1.Service
	configs   []*corev1.ConfigMap
	accounts  []*corev1.ServiceAccount
	budgets   []*policyv1.PodDisruptionBudget
	scalers   []*autoscalingv2.HorizontalPodAutoscaler
	walls     []*networkingv1.NetworkPolicy
	others    []runtime.Object
	keys      map[string]bool   // that deploy/secrets.sh makes
	metrics   string            // the sources that name metrics
	inForce   map[string]answer // settings, by workload
	made      map[string]string // what the secrets hold, by key
}

// answer is what the program says to the settings of a workload.
type answer struct {
	values map[string]string
	err    error
}

// workload is a Deployment or a StatefulSet.
type workload struct {
	name, kind string
	labels     map[string]string
	replicas   *int32
	selector   *metav1.LabelSelector
	pod        corev1.PodTemplateSpec
	claims     []corev1.PersistentVolumeClaim
	service    string // of a StatefulSet
	rolling    *appsv1.RollingUpdateDeployment
}

func (w workload) spec() corev1.PodSpec        { return w.pod.Spec }
func (w workload) container() corev1.Container { return w.pod.Spec.Containers[0] }
func (w workload) ours() bool                  { return strings.HasPrefix(w.container().Image, "wattwerk/wattwerk:") }

// count is how many pods there are at least.
func (c cluster) count(w workload) int32 {
	for _, h := range c.scalers {
		if h.Spec.ScaleTargetRef.Name == w.name && h.Spec.MinReplicas != nil {
			return *h.Spec.MinReplicas
		}
	}
	if w.replicas == nil {
		return 1
	}
	return *w.replicas
}

// port gives the number behind a name or a number, if the pod has it.
func (w workload) port(p intstr.IntOrString) (int32, bool) {
	for _, c := range w.spec().Containers {
		for _, have := range c.Ports {
			if p.Type == intstr.String && have.Name == p.StrVal || p.Type == intstr.Int && have.ContainerPort == p.IntVal {
				return have.ContainerPort, true
			}
		}
	}
	return 0, false
}

func selects(s *metav1.LabelSelector, l map[string]string) bool {
	x, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && x.Matches(labels.Set(l))
}

var madeSecrets map[string]string

// secretsMade runs deploy/secrets.sh, once.
func secretsMade(t *testing.T) map[string]string {
	t.Helper()
	if madeSecrets != nil {
		return madeSecrets
	}
	dir := filepath.Join(t.TempDir(), "secrets")
	if out, err := exec.Command("deploy/secrets.sh", "kubernetes", dir, releaseName).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	made := make(map[string]string)
	for _, f := range files {
		made[filepath.Base(f)] = read(t, f)
	}
	madeSecrets = made
	return made
}

func parseObjects(t *testing.T, text string) (cluster, error) {
	t.Helper()
	c := cluster{keys: make(map[string]bool), made: secretsMade(t), metrics: read(t, "bus/meter.go"), inForce: make(map[string]answer)}
	for key := range c.made {
		c.keys[key] = true
	}
	for _, d := range documents(text) {
		o, err := decode(d)
		if err != nil {
			return c, err
		}
		switch x := o.(type) {
		case *appsv1.Deployment:
			c.workloads = append(c.workloads, workload{
				name: x.Name, kind: "Deployment", labels: x.Labels, replicas: x.Spec.Replicas, selector: x.Spec.Selector, pod: x.Spec.Template,
				rolling: x.Spec.Strategy.RollingUpdate,
			})
		case *appsv1.StatefulSet:
			c.workloads = append(c.workloads, workload{
				name: x.Name, kind: "StatefulSet", labels: x.Labels, replicas: x.Spec.Replicas, selector: x.Spec.Selector, pod: x.Spec.Template,
				claims: x.Spec.VolumeClaimTemplates, service: x.Spec.ServiceName,
			})
		case *corev1.Service:
			c.services = append(c.services, x)
		case *corev1.ConfigMap:
			c.configs = append(c.configs, x)
		case *corev1.ServiceAccount:
			c.accounts = append(c.accounts, x)
		case *policyv1.PodDisruptionBudget:
			c.budgets = append(c.budgets, x)
		case *autoscalingv2.HorizontalPodAutoscaler:
			c.scalers = append(c.scalers, x)
		case *networkingv1.NetworkPolicy:
			c.walls = append(c.walls, x)
		default:
			c.others = append(c.others, o)
		}
	}
	for _, w := range c.workloads {
		if len(w.spec().Containers) != 1 {
			return c, fmt.Errorf("%s has not one container; the rules look at one", w.name)
		}
		if w.ours() {
			c.inForce[w.name] = c.force(t, w)
		}
	}
	return c, nil
}

// dataOf is what a ConfigMap holds.
func dataOf(o runtime.Object) map[string]string {
	if c, ok := o.(*corev1.ConfigMap); ok {
		return c.Data
	}
	return nil
}

// asked remembers the program's answers, for it is the same question again and again.
var asked = make(map[string]answer)

// force asks the program what it makes of the settings of a workload.
func (c cluster) force(t *testing.T, w workload) answer {
	t.Helper()
	environ := maps.Clone(imageEnviron)
	for _, e := range w.container().Env {
		environ[e.Name] = e.Value
	}
	content := ""
	if inside := environ["WATTWERK_CONFIG"]; inside != "" {
		found := false
		for _, m := range w.container().VolumeMounts {
			for _, v := range w.spec().Volumes {
				if v.Name != m.Name || v.ConfigMap == nil || m.MountPath != filepath.Dir(inside) {
					continue
				}
				for _, config := range c.configs {
					if config.Name == v.ConfigMap.Name {
						content, found = config.Data[filepath.Base(inside)]
					}
				}
			}
		}
		if !found {
			return answer{err: fmt.Errorf("WATTWERK_CONFIG names %s, where nothing is mounted", inside)}
		}
	}
	delete(environ, "WATTWERK_CONFIG")
	args := w.container().Args
	if len(args) == 0 || args[0] != "run" {
		return answer{err: fmt.Errorf("the command is %v", args)}
	}
	key := fmt.Sprint(content, slices.Sorted(maps.Keys(environ)), environ, args)
	if a, ok := asked[key]; ok {
		return a
	}
	out, err := settings(write(t, filepath.Join(t.TempDir(), "wattwerk.yaml"), content), environ, args[1:]...)
	a := answer{err: err}
	if err == nil {
		var tree map[string]any
		a.err = yaml.Unmarshal([]byte(out), &tree)
		a.values = leaves("", tree)
	}
	asked[key] = a
	return a
}

// target is where somebody wants to connect to.
type target struct {
	host string
	port int32
}

var (
	inText      = regexp.MustCompile(`[a-z]+://[^\s"',\]]+`)
	storageNode = regexp.MustCompile(`^-storageNode=(.+)$`)
)

// targets are all addresses that a workload's settings, arguments and secrets name.
func (c cluster) targets(w workload) []target {
	var words []string
	values := c.inForce[w.name].values
	for key, v := range values {
		section, _, _ := strings.Cut(key, ".")
		elsewhere := slices.Contains(allModules, section) && !slices.Contains(modulesOf(values), section)
		if section != "gateway" && !elsewhere { // the gateway's are outside
			words = append(words, inText.FindAllString(v, -1)...)
		}
	}
	for _, a := range w.container().Args {
		if m := storageNode.FindStringSubmatch(a); m != nil {
			for _, node := range strings.Split(m[1], ",") {
				words = append(words, "tcp://"+node)
			}
		}
	}
	// What it is given in secrets, but for clients' addresses in the servers' file.
	for _, key := range secretKeys(w) {
		words = append(words, inText.FindAllString(c.made[key], -1)...)
	}
	var out []target
	for _, word := range words {
		u, err := url.Parse(word)
		if err != nil {
			continue
		}
		if host, port, err := net.SplitHostPort(u.Host); err == nil {
			n, err := strconv.ParseInt(port, 10, 32)
			if err == nil {
				out = append(out, target{host, int32(n)})
			}
		}
	}
	return out
}

// secretKeys are the keys of secrets that a pod mounts.
func secretKeys(w workload) []string {
	var out []string
	for _, v := range w.spec().Volumes {
		if v.Secret != nil {
			for _, i := range v.Secret.Items {
				out = append(out, i.Key)
			}
		}
	}
	return out
}

// reached is the workload that a target leads to, with a sentence when none.
func (c cluster) reached(at target) (workload, string) {
	name := at.host
	pod := ""
	if before, after, ok := strings.Cut(at.host, "."); ok {
		pod, name = before, after
	}
	for _, s := range c.services {
		if s.Name != name {
			continue
		}
		for _, w := range c.workloads {
			if !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.pod.Labels)) {
				continue
			}
			if pod != "" {
				n, err := strconv.Atoi(strings.TrimPrefix(pod, w.name+"-"))
				if err != nil || s.Spec.ClusterIP != corev1.ClusterIPNone || w.service != s.Name || int32(n) >= c.count(w) {
					return w, fmt.Sprintf("%s is no pod of %s", pod, w.name)
				}
			}
			for _, p := range s.Spec.Ports {
				if p.Port == at.port {
					return w, ""
				}
			}
			return w, fmt.Sprintf("the service %s has no port %d", s.Name, at.port)
		}
	}
	return workload{}, fmt.Sprintf("there is no service %s with pods", name)
}

// may tells whether the walls let one speak to another at a port of the pod.
func (c cluster) may(from, to workload, port int32) string {
	out, in := false, false
	for _, p := range c.walls {
		if selects(&p.Spec.PodSelector, from.pod.Labels) {
			for _, r := range p.Spec.Egress {
				out = out || admits(r.To, r.Ports, to, port)
			}
		}
		if selects(&p.Spec.PodSelector, to.pod.Labels) {
			for _, r := range p.Spec.Ingress {
				in = in || admits(r.From, r.Ports, from, port)
			}
		}
	}
	switch {
	case !out:
		return fmt.Sprintf("it may not send to %s at %d", to.name, port)
	case !in:
		return fmt.Sprintf("%s may not receive from it at %d", to.name, port)
	}
	return ""
}

func admits(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, w workload, port int32) bool {
	if len(ports) > 0 && !slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		return p.Port == nil || p.Port.IntVal == port
	}) {
		return false
	}
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.PodSelector != nil && p.NamespaceSelector == nil && selects(p.PodSelector, w.pod.Labels)
	})
}
