# Chooses kernel modules and writes their tables in kmod's text formats (modules.dep(5), depmod(8)).
#
# Reads, in this order: modules.list, and the kernel's modules.builtin, modules.dep, modules.alias,
# modules.softdep. Variable `out`: the directory for the four filtered tables and `files`, the chosen
# paths. Invariant: a module in the image has every hard dependency in the image, and its soft
# dependencies where this kernel has them.

function canonical(name) {
  gsub(/-/, "_", name)
  return name
}

function name_of(path) {
  sub(/^.*\//, "", path)
  sub(/\.ko(\.(gz|xz|zst))?$/, "", path)
  return canonical(path)
}

# Takes a module, or every module behind an alias without wildcards, with what they depend on.
function take(name, i, n, list) {
  name = canonical(name)
  if (name in taken) return 1
  if (name in path) {
    taken[name] = 1
    n = split(needs[name], list, " ")
    for (i = 1; i <= n; i++) take(name_of(list[i]))
    n = split(soft[name], list, " ")
    for (i = 1; i <= n; i++)
      if (list[i] !~ /:$/) take(list[i])
    return 1
  }
  if (name in alias) {
    n = split(alias[name], list, " ")
    for (i = 1; i <= n; i++) take(list[i])
    return 1
  }
  return name in builtin
}

FNR == 1 { table++ }
/^[ \t]*(#|$)/ { next }
table == 1 { wanted[++wants] = $1; next }
table == 2 { builtin[name_of($1)] = 1; builtin_line[++builtins] = $0; next }
table == 3 {
  file = $1
  sub(/:$/, "", file)
  name = name_of(file)
  path[name] = file
  dep_line[++deps] = $0
  dep_name[deps] = name
  $1 = ""
  needs[name] = $0
  next
}
table == 4 && $1 == "alias" {
  alias_line[++aliases] = $0
  alias_name[aliases] = canonical($3)
  if ($2 !~ /[*?[]/) {
    key = canonical($2)
    alias[key] = alias[key] " " $3
  }
  next
}
table == 5 && $1 == "softdep" {
  soft_line[++softs] = $0
  soft_name[softs] = canonical($2)
  $1 = ""
  rest = $0
  sub(/^ *[^ ]+ */, "", rest)
  soft[soft_name[softs]] = soft[soft_name[softs]] " " rest
}

END {
  for (i = 1; i <= wants; i++)
    if (!take(wanted[i])) print "initrd: this kernel has no module " wanted[i] > "/dev/stderr"
  for (i = 1; i <= deps; i++)
    if (dep_name[i] in taken) {
      print dep_line[i] > (out "/modules.dep")
      print path[dep_name[i]] > (out "/files")
    }
  for (i = 1; i <= aliases; i++)
    if (alias_name[i] in taken) print alias_line[i] > (out "/modules.alias")
  for (i = 1; i <= softs; i++)
    if (soft_name[i] in taken) print soft_line[i] > (out "/modules.softdep")
  for (i = 1; i <= builtins; i++) print builtin_line[i] > (out "/modules.builtin")
}
