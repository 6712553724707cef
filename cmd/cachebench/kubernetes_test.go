package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/cachebench/cachebench/internal/race"
)

// kustomized builds a directory of deploy/kubernetes as kustomize build does, and decodes
// what it makes into Kubernetes' own types; an unknown key is an error.
func kustomized(t *testing.T, dir string) (jobs []batchv1.Job, maps []corev1.ConfigMap, claims []corev1.PersistentVolumeClaim) {
	t.Helper()
	jobs, maps, claims, _ = kustomizedAll(t, dir)
	return jobs, maps, claims
}

func kustomizedAll(t *testing.T, dir string) (jobs []batchv1.Job, maps []corev1.ConfigMap, claims []corev1.PersistentVolumeClaim, pods []corev1.Pod) {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("kustomize build %s: %v", dir, err)
	}
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		switch kind := r.GetKind(); kind {
		case "Job":
			jobs = append(jobs, batchv1.Job{})
			err = yaml.UnmarshalStrict(text, &jobs[len(jobs)-1])
		case "ConfigMap":
			maps = append(maps, corev1.ConfigMap{})
			err = yaml.UnmarshalStrict(text, &maps[len(maps)-1])
		case "PersistentVolumeClaim":
			claims = append(claims, corev1.PersistentVolumeClaim{})
			err = yaml.UnmarshalStrict(text, &claims[len(claims)-1])
		case "Pod":
			pods = append(pods, corev1.Pod{})
			err = yaml.UnmarshalStrict(text, &pods[len(pods)-1])
		default:
			t.Errorf("kustomize build %s makes a %s, which is not looked at here", dir, kind)
		}
		if err != nil {
			t.Errorf("%s %s: %v\n%s", r.GetKind(), r.GetName(), err, text)
		}
	}
	return jobs, maps, claims, pods
}

// TestKubernetes: the resources of deploy/kubernetes are Kubernetes' own, hold together,
// and their pods, run one after another with the arguments, the environment and the files
// that they have there, make what one machine makes.
func TestKubernetes(t *testing.T) {
	race.Skip(t)
	base, err := filepath.Abs("../../deploy/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	jobs, maps, claims := kustomized(t, base)
	merges, _, _ := kustomized(t, filepath.Join(base, "merge"))
	if len(jobs) != 1 || len(maps) != 1 || len(claims) != 1 || len(merges) != 1 {
		t.Fatalf("%d jobs, %d maps, %d claims, %d merges: want one of each", len(jobs), len(maps), len(claims), len(merges))
	}
	job, merge := &jobs[0].Spec, &merges[0].Spec
	if job.CompletionMode == nil || *job.CompletionMode != batchv1.IndexedCompletion || job.Completions == nil {
		t.Fatalf("the Job is not an Indexed one with completions: %+v", job)
	}
	n := int(*job.Completions)
	pod := mounted(t, &jobs[0], maps[0].Name, claims[0].Name)
	args := job.Template.Spec.Containers[0].Args
	if !slices.Contains(args, "--shards="+strconv.Itoa(n)) {
		t.Errorf("the Job has %d completions, its pods %v", n, args)
	}
	for file, text := range maps[0].Data {
		write(t, filepath.Join(pod["/sweep"], file), text)
	}
	sweep := func(args ...string) string {
		t.Helper()
		var out, errOut bytes.Buffer
		for i := range args {
			for mount, dir := range pod {
				args[i] = strings.Replace(args[i], mount, dir, 1)
			}
		}
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errOut); code != 0 {
			t.Fatalf("cachebench %v: exit code %d: %s", args, code, errOut.String())
		}
		return out.String()
	}
	for index := range n {
		t.Setenv(completionIndex, strconv.Itoa(index))
		sweep(slices.Clone(args)...)
	}
	os.Unsetenv(completionIndex) // t.Setenv puts it back as it was
	whole := sweep("sweep", "/sweep/sweep.yaml", "--output", "json")
	mergePod := mounted(t, &merges[0], "", claims[0].Name)
	if _, ok := mergePod["/results"]; !ok {
		t.Fatal("the merging Job has no /results")
	}
	sweep(slices.Clone(merge.Template.Spec.Containers[0].Args)...)
	got, err := os.ReadFile(filepath.Join(pod["/results"], "whole.json"))
	if err != nil || string(got) != whole {
		t.Errorf("the pods' results merge to %d bytes, one machine makes %d (%v)", len(got), len(whole), err)
	}
	_, _, _, readers := kustomizedAll(t, filepath.Join(base, "read"))
	if len(readers) != 1 || readers[0].Spec.Volumes[0].PersistentVolumeClaim.ClaimName != claims[0].Name {
		t.Fatalf("the reader reads another claim: %+v", readers)
	}
	if page, want := sweep(slices.Clone(readers[0].Spec.Containers[0].Args)...), sweep("sweep", "/sweep/sweep.yaml", "--output", "html"); page != want {
		t.Errorf("the reader writes %d bytes, one machine makes %d", len(page), len(want))
	}
	size := 0
	for file, text := range maps[0].Data {
		size += len(file) + len(text)
	}
	// Annotations may have 256 KiB, and kubectl apply puts the whole map into one.
	if size > 250<<10 {
		t.Errorf("the map's files have %d bytes, more than kubectl apply takes without --server-side", size)
	}
	// A part is made again by itself, not beside its like, and only where that may help.
	if job.BackoffLimitPerIndex == nil || job.PodReplacementPolicy == nil || *job.PodReplacementPolicy != batchv1.Failed || job.TTLSecondsAfterFinished == nil || merge.TTLSecondsAfterFinished == nil {
		t.Errorf("the Job starts pods again otherwise, or stays: %+v", job)
	}
	if !slices.Equal(claims[0].Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}) {
		t.Errorf("%d pods, on any nodes, write to a claim of %v", *job.Parallelism, claims[0].Spec.AccessModes)
	}
	for _, spec := range []*corev1.PodSpec{&job.Template.Spec, &merge.Template.Spec} {
		user := fmt.Sprintf("\nUSER %d:%d\n", *spec.SecurityContext.RunAsUser, *spec.SecurityContext.RunAsGroup)
		program := spec.Containers[0].Command[0]
		if text, err := os.ReadFile(filepath.Join(base, "Dockerfile")); err != nil || !bytes.Contains(text, []byte(user)) || !bytes.Contains(text, []byte(" /usr/local/bin/"+program+"\n")) {
			t.Errorf("the image of deploy/kubernetes/Dockerfile has no %q, or not %s in /usr/local/bin (%v)", user, program, err)
		}
	}
	if runs := strings.Count(whole, "\n      \"run\": "); runs < n {
		t.Errorf("%d runs for %d pods: some have nothing to do", runs, n)
	}
}

// mounted are directories for what a Job's container mounts; volumes are to be of the map
// and the claim of those names.
func mounted(t *testing.T, job *batchv1.Job, configMap, claim string) map[string]string {
	t.Helper()
	spec := &job.Spec.Template.Spec
	dirs := make(map[string]string)
	for _, m := range spec.Containers[0].VolumeMounts {
		i := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			t.Fatalf("%s mounts %s, which is no volume of it", job.Name, m.Name)
		}
		switch v := &spec.Volumes[i]; {
		case v.ConfigMap != nil && v.ConfigMap.Name != configMap:
			t.Errorf("%s mounts the map %s, the files are in %s", job.Name, v.ConfigMap.Name, configMap)
		case v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName != claim:
			t.Errorf("%s mounts the claim %s, there is %s", job.Name, v.PersistentVolumeClaim.ClaimName, claim)
		}
		dirs[m.MountPath] = t.TempDir()
	}
	return dirs
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestKubernetesLarge: with inputs on a volume there is no ConfigMap, and the same pods read
// the volume instead, alike in all else.
func TestKubernetesLarge(t *testing.T) {
	base, _, _ := kustomized(t, "../../deploy/kubernetes")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../deploy/kubernetes")); err != nil {
		t.Fatal(err)
	}
	top, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	before, after, ok := strings.Cut(string(top), "configMapGenerator:\n")
	_, labels, isBefore := strings.Cut(after, "labels:\n")
	if err != nil || !ok || !isBefore {
		t.Fatalf("no configMapGenerator before labels in\n%s(%v)", top, err)
	}
	write(t, filepath.Join(dir, "kustomization.yaml"), before+"components: [large]\nlabels:\n"+labels)
	jobs, maps, claims := kustomized(t, dir)
	if len(jobs) != 1 || len(maps) != 0 || len(claims) != 2 {
		t.Fatalf("%d jobs, %d maps, %d claims: want 1, 0 and 2", len(jobs), len(maps), len(claims))
	}
	from := jobs[0].Spec.Template.Spec.Volumes[0].PersistentVolumeClaim
	if from == nil || !from.ReadOnly || !slices.ContainsFunc(claims, func(c corev1.PersistentVolumeClaim) bool { return c.Name == from.ClaimName }) {
		t.Fatalf("the pods read %+v, and there are the claims %+v", from, claims)
	}
	jobs[0].Spec.Template.Spec.Volumes[0] = base[0].Spec.Template.Spec.Volumes[0]
	got, err := yaml.Marshal(jobs[0].Spec)
	want, wantErr := yaml.Marshal(base[0].Spec)
	if err != nil || wantErr != nil || !bytes.Equal(got, want) {
		t.Errorf("the Job is\n%s\nbeside its inputs it was\n%s(%v, %v)", got, want, err, wantErr)
	}
}

// TestStrictDecoding: the decoding of TestKubernetes refuses a key that Kubernetes has not.
func TestStrictDecoding(t *testing.T) {
	text, err := os.ReadFile("../../deploy/kubernetes/job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var job batchv1.Job
	if err := yaml.UnmarshalStrict(bytes.Replace(text, []byte("completionMode:"), []byte("completionsMode:"), 1), &job); err == nil {
		t.Error("a Job with completionsMode is decoded")
	}
}
