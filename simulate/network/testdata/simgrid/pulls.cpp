// Pulls of a fleet's images, simulated by SimGrid (S4U), to compare with.
//
//   pulls FLEET [SimGrid's options] > READY
//
// FLEET is the text of internal/fleet's WriteSimGrid, which also tells the model.
// On standard output, for each pull in the file's order, the seconds at which it
// is ready; on standard error the CPU seconds of the simulation alone, without
// reading the file and building the platform.
#include <cinttypes>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <simgrid/s4u.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace sg4 = simgrid::s4u;

struct Pull {
  sg4::Host* node;
  double start;
  std::vector<uint64_t> layers; // bytes, base first
  double ready = -1;
};

struct Fleet {
  size_t slots = 0;
  double unpack = 0;
  sg4::NetZone* zone;
  sg4::Host* registry;
  // The links from the root down to and with the named one.
  std::map<std::string, std::vector<sg4::LinkInRoute>> paths;
  std::map<std::string, sg4::Host*> nodes;
  std::vector<Pull> pulls;
};

[[noreturn]] static void die(const std::string& what)
{
  std::cerr << "pulls: " << what << "\n";
  exit(2);
}

static sg4::LinkInRoute make_link(Fleet& f, const std::string& name, double speed, sg4::Link::SharingPolicy policy)
{
  return sg4::LinkInRoute(f.zone->create_link(name, speed)->set_latency(0)->set_sharing_policy(policy)->seal());
}

// The path of a new link.
static std::vector<sg4::LinkInRoute> extend(Fleet& f, const std::string& name, const std::string& parent, double speed)
{
  std::vector<sg4::LinkInRoute> path;
  if (parent != "-") {
    auto found = f.paths.find(parent);
    if (found == f.paths.end())
      die(name + " hangs on " + parent + ", which no line before it names");
    path = found->second;
  }
  path.push_back(make_link(f, name, speed, sg4::Link::SharingPolicy::SHARED));
  return path;
}

// A node is a host at the end of its path. In a star zone the route from the
// registry, which has no links of its own, to a node is the node's path; cores
// enough that no pull waits for another's unpack. A bound of each connection is
// a link that gives every flow its whole speed (FATPIPE): Comm::set_rate does
// nothing to a communication from host to host.
static void add_node(Fleet& f, std::istringstream& line)
{
  std::string name, parent, connection;
  double speed;
  line >> name >> parent >> speed >> connection;
  auto path = extend(f, name + "-link", parent, speed);
  if (connection != "unlimited")
    path.push_back(make_link(f, name + "-connection", std::stod(connection), sg4::Link::SharingPolicy::FATPIPE));
  auto* host = f.zone->create_host(name, f.unpack)->set_core_count(64)->seal();
  f.zone->add_route(host->get_netpoint(), nullptr, nullptr, nullptr, path, true);
  f.nodes[name] = host;
}

static void add_pull(Fleet& f, std::istringstream& line)
{
  std::string name;
  Pull p;
  line >> name >> p.start;
  auto node = f.nodes.find(name);
  if (node == f.nodes.end())
    die("a pull starts on " + name + ", which no line before it names");
  p.node = node->second;
  for (uint64_t bytes; line >> bytes;)
    p.layers.push_back(bytes);
  f.pulls.push_back(p);
}

static void read(Fleet& f, const char* file)
{
  std::ifstream in(file);
  if (!in)
    die(std::string("cannot read ") + file);
  f.zone     = sg4::create_star_zone("fleet");
  f.registry = f.zone->create_host("the-registry", 1)->seal();
  f.zone->add_route(f.registry->get_netpoint(), nullptr, nullptr, nullptr, std::vector<sg4::LinkInRoute>{}, true);
  for (std::string text; std::getline(in, text);) {
    std::istringstream line(text);
    std::string kind, name, parent;
    double speed;
    line >> kind;
    if (kind == "slots")
      line >> f.slots;
    else if (kind == "unpack")
      line >> f.unpack;
    else if (kind == "link" && line >> name >> parent >> speed)
      f.paths[name] = extend(f, name, parent, speed);
    else if (kind == "node")
      add_node(f, line);
    else if (kind == "start")
      add_pull(f, line);
    else
      die("not understood: " + text);
  }
  f.zone->seal();
}

// An actor that fetches up to slots layers at once and unpacks one at a time,
// from the base up. It waits for whatever ends first.
static void run(const Fleet& f, Pull& p)
{
  sg4::this_actor::sleep_until(p.start);
  const size_t count = p.layers.size();
  size_t asked = 0, unpacked = 0;
  bool unpacking = false;
  std::vector<char> fetched(count, 0);
  std::vector<sg4::ActivityPtr> running; // what each is about stands in layer
  std::vector<size_t> layer;             // count is the unpack of layer unpacked
  size_t fetching = 0;
  while (unpacked < count) {
    for (; fetching < f.slots && asked < count; ++asked, ++fetching) {
      running.push_back(sg4::Comm::sendto_init(f.registry, p.node)->set_payload_size(p.layers[asked])->start());
      layer.push_back(asked);
    }
    if (!unpacking && fetched[unpacked]) {
      running.push_back(p.node->exec_init(static_cast<double>(p.layers[unpacked]))->start());
      layer.push_back(count);
      unpacking = true;
    }
    const auto ended = sg4::Activity::wait_any(running);
    if (layer[ended] == count) {
      ++unpacked;
      unpacking = false;
    } else {
      fetched[layer[ended]] = 1;
      --fetching;
    }
    running.erase(running.begin() + ended);
    layer.erase(layer.begin() + ended);
  }
  p.ready = sg4::Engine::get_clock();
}

int main(int argc, char** argv)
{
  sg4::Engine engine(&argc, argv);
  if (argc != 2)
    die("usage: pulls FLEET [SimGrid's options] > READY");
  Fleet f;
  read(f, argv[1]);
  const auto before = std::clock();
  for (auto& p : f.pulls)
    sg4::Actor::create("pull", p.node, [&f, &p] { run(f, p); });
  engine.run();
  const double cpu = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  for (const auto& p : f.pulls)
    std::printf("%.17g\n", p.ready);
  std::fprintf(stderr, "%.6f\n", cpu);
}
