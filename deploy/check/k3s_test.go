package check

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	automationv1 "github.com/fluxcd/image-automation-controller/api/v1"
	reflectorv1 "github.com/fluxcd/image-reflector-controller/api/v1"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const k3sDir = "deploy/k3s"

// edge is all that would be applied at the edge.
type edge struct {
	set        *appsv1.DaemonSet
	wall       *networkingv1.NetworkPolicy
	settings   string
	source     *sourcev1.GitRepository
	apply      *kustomizev1.Kustomization
	images     *reflectorv1.ImageRepository
	policy     *reflectorv1.ImagePolicy
	automation *automationv1.ImageUpdateAutomation
}

// fluxToo makes the types of Flux known.
func fluxToo(t *testing.T) {
	t.Helper()
	for _, add := range []func(*runtime.Scheme) error{sourcev1.AddToScheme, kustomizev1.AddToScheme, reflectorv1.AddToScheme, automationv1.AddToScheme} {
		if err := add(scheme.Scheme); err != nil {
			t.Fatal(err)
		}
	}
}

// built is what kubectl apply -k would apply.
func built(t *testing.T, dir string) string {
	t.Helper()
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(k3sDir, dir))
	if err != nil {
		t.Fatal(err)
	}
	text, err := m.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readEdge reads objects, strictly.
func readEdge(text string) (e edge, err error) {
	for _, d := range documents(text) {
		o, err := decode(d)
		if err != nil {
			return e, err
		}
		switch x := o.(type) {
		case *appsv1.DaemonSet:
			e.set = x
		case *networkingv1.NetworkPolicy:
			e.wall = x
		case *corev1.ConfigMap:
			e.settings = x.Data["device.yaml"]
		case *sourcev1.GitRepository:
			e.source = x
		case *kustomizev1.Kustomization:
			e.apply = x
		case *reflectorv1.ImageRepository:
			e.images = x
		case *reflectorv1.ImagePolicy:
			e.policy = x
		case *automationv1.ImageUpdateAutomation:
			e.automation = x
		}
	}
	if e.set == nil || e.wall == nil || e.settings == "" || e.source == nil || e.apply == nil || e.images == nil || e.policy == nil || e.automation == nil {
		return e, fmt.Errorf("something is missing: %+v", e)
	}
	return e, nil
}

// problems says in sentences what is wrong.
func (e edge) problems(t *testing.T) (all []string) {
	t.Helper()
	bad := func(when bool, format string, a ...any) {
		if when {
			all = append(all, fmt.Sprintf(format, a...))
		}
	}
	pod := e.set.Spec.Template.Spec
	c := pod.Containers[0]
	s := c.SecurityContext
	bad(len(pod.Containers) != 1, "there is not one container")
	bad(!selects(e.set.Spec.Selector, e.set.Spec.Template.Labels), "the DaemonSet does not select its pods")
	bad(!selects(&e.wall.Spec.PodSelector, e.set.Spec.Template.Labels), "the wall is not around the devices")
	bad(len(e.wall.Spec.Ingress) != 0 || len(e.wall.Spec.PolicyTypes) != 2, "somebody reaches devices")
	bad(pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken, "a device has a token for Kubernetes")
	bad(pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot || pod.SecurityContext.SeccompProfile == nil, "a device may be root, or has no profile for system calls")
	bad(s == nil || s.Privileged == nil || *s.Privileged || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0, "a device may do more than it needs to")
	bad(pod.HostNetwork || pod.HostPID || pod.HostIPC, "a device is in a namespace of the node")
	bad(c.Resources.Limits.Memory().Value() < 64<<20, "a device may have less than 64 MiB")
	r := e.set.Spec.UpdateStrategy.RollingUpdate
	bad(r == nil || r.MaxSurge == nil || r.MaxSurge.IntValue() != 0 || r.MaxUnavailable == nil || r.MaxUnavailable.IntValue() != 1, "more than one device is exchanged at a time, or two read one meter")
	bad(e.set.Spec.MinReadySeconds < 60, "a device that fails does not hold the others back")
	bad(!strings.HasPrefix(c.Image, e.images.Spec.Image+":v"), "the image is %s, and Flux looks at %s", c.Image, e.images.Spec.Image)
	chart := mustRender(t, modeSingle)
	bad(!strings.Contains(joined(chart), "image: "+c.Image+"\n"), "the chart runs another image than %s", c.Image)

	mounted := make(map[string]corev1.Volume)
	for _, m := range c.VolumeMounts {
		i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		bad(i < 0, "nothing is to be mounted at %s", m.MountPath)
		if i >= 0 {
			mounted[m.MountPath] = pod.Volumes[i]
			bad(pod.Volumes[i].HostPath == nil && m.Name != "tmp" && !m.ReadOnly, "%s can be written", m.MountPath)
		}
	}
	for _, v := range pod.Volumes {
		h := v.HostPath
		bad(h != nil && (h.Type == nil || (*h.Type != corev1.HostPathDirectory || h.Path != "/var/lib/wattwerk-device") && (*h.Type != corev1.HostPathCharDev || !strings.HasPrefix(h.Path, "/dev/tty"))), "the path %+v of the node is shown", h)
	}

	environ := make(map[string]string)
	for _, x := range c.Env {
		environ[x.Name] = x.Value
	}
	config := environ["WATTWERK_CONFIG"]
	bad(mounted[filepath.Dir(config)].ConfigMap == nil, "the settings %s are not mounted", config)
	out, err := settings(write(t, filepath.Join(t.TempDir(), "device.yaml"), e.settings), nil, c.Args[1:]...)
	bad(err != nil, "the program does not take the settings: %v", err)
	if err == nil {
		var tree struct {
			Data string
			Edge struct {
				URL      string   `json:"url"`
				RootFile string   `json:"root_file"`
				Meters   []string `json:"meters"`
			}
		}
		if err := yaml.Unmarshal([]byte(out), &tree); err != nil {
			t.Fatal(err)
		}
		bad(mounted["/"+strings.Split(tree.Data, "/")[1]].HostPath == nil, "%s does not stay", tree.Data)
		bad(mounted[filepath.Dir(tree.Edge.RootFile)].Secret == nil, "%s is not mounted", tree.Edge.RootFile)
		for _, m := range tree.Edge.Meters {
			at := strings.Fields(m)[1]
			bad(strings.HasPrefix(at, "/") && mounted[at].HostPath == nil, "the meter %s is not mounted", at)
		}
		u, err := url.Parse(tree.Edge.URL)
		if err != nil {
			t.Fatal(err)
		}
		bad(!slices.ContainsFunc(e.wall.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
			return slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool { return fmt.Sprint(p.Port) == u.Port() })
		}), "the wall keeps devices from the data service at %s", u.Port())
	}

	bad(e.source.Spec.Verification == nil, "commits need no signature")
	bad(e.apply.Spec.SourceRef.Kind != "GitRepository" || e.apply.Spec.SourceRef.Name != e.source.Name, "Flux applies what comes from %s", e.apply.Spec.SourceRef.Name)
	bad(e.automation.Spec.SourceRef.Name != e.source.Name, "Flux writes to %s", e.automation.Spec.SourceRef.Name)
	bad(e.policy.Spec.ImageRepositoryRef.Name != e.images.Name, "the policy is of %s", e.policy.Spec.ImageRepositoryRef.Name)
	for _, p := range []string{e.apply.Spec.Path, e.automation.Spec.Update.Path} {
		_, err := os.Stat(filepath.Join(p, "kustomization.yaml"))
		bad(err != nil, "Flux looks at %s, where nothing is", p)
	}
	p := e.automation.Spec.GitSpec
	bad(p == nil || p.Push == nil || p.Push.Branch == "" || p.Push.Branch == e.source.Spec.Reference.Branch, "a new image goes to devices without that somebody has seen it")
	marked := regexp.MustCompile(`image: (\S+) # \{"\$imagepolicy": "([^"]+)"\}`).FindStringSubmatch(read(t, filepath.Join(k3sDir, "device/daemonset.yaml")))
	bad(marked == nil || marked[1] != c.Image || marked[2] != e.policy.Namespace+":"+e.policy.Name, "the image is not marked for the policy: %v", marked)
	version := strings.TrimPrefix(c.Image[strings.LastIndexByte(c.Image, ':')+1:], "v")
	bad(e.policy.Spec.Policy.SemVer == nil || !strings.HasPrefix(version, strings.TrimSuffix(e.policy.Spec.Policy.SemVer.Range, "x")), "the policy does not take the version %s", version)
	return all
}

// TestK3s: the files for the edge are objects of Kubernetes and Flux, belong together, and let
// devices do what they need to and no more.
func TestK3s(t *testing.T) {
	fluxToo(t)
	text := built(t, "device") + "---\n" + built(t, "flux")
	e, err := readEdge(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range e.problems(t) {
		t.Error(p)
	}
	for _, c := range []struct{ what, old, new, says string }{
		{"a word that Kubernetes does not know", "readOnlyRootFilesystem:", "readOnlyRootFiles:", "unknown field"},
		{"a word that Flux does not know", "retryInterval:", "retryEvery:", "unknown field"},
		{"a version of Flux that there is not", "source.toolkit.fluxcd.io/v1\n", "source.toolkit.fluxcd.io/v9\n", "no kind"},
		{"a privileged device", "privileged: false", "privileged: true", "more than it needs"},
		{"another path of the node", "path: /var/lib/wattwerk-device", "path: /var/lib", "of the node is shown"},
		{"two at a time", "maxUnavailable: 1", "maxUnavailable: 2", "more than one device"},
		{"a wall too high", "port: 8443", "port: 443", "keeps devices from"},
		{"a meter that is not mounted", "sml /dev/meter", "sml /dev/other", "the meter /dev/other"},
		{"settings that the program does not know", "root_file:", "root_fil:", "does not take the settings"},
		{"another source", "    name: wattwerk\n  timeout", "    name: other\n  timeout", "comes from other"},
		{"a branch that nobody looks at", "branch: wattwerk-images", "branch: main", "without that somebody"},
		{"a directory that is not there", "path: ./deploy/k3s/device", "path: ./deploy/k3s/devices", "where nothing is"},
		{"another image", "image: wattwerk/wattwerk:v1.0.0", "image: wattwerk/wattwerk:v2.0.0", "the policy does not take"},
	} {
		broken := strings.ReplaceAll(text, c.old, c.new)
		if broken == text {
			t.Errorf("%s: there is no %q", c.what, c.old)
			continue
		}
		var says string
		if e, err := readEdge(broken); err != nil {
			says = err.Error()
		} else {
			says = strings.Join(e.problems(t), "\n")
		}
		if !strings.Contains(says, c.says) {
			t.Errorf("%s: nobody says %q: %s", c.what, c.says, says)
		}
	}
}
