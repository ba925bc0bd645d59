-- What is there and what is not; JSON, saves, hashes, vectors; which Lua this is.

return function(t)
  local test = t.test

  test("both", "unknown globals raise, so that a typo is not a nil", function(world)
    local g = world:app().globals
    t.raises("has no global 'webscoket'", function() return g.webscoket end)
    t.equal(rawget(g, "webscoket"), nil)
  end)

  test("both", "what the engine lacks is absent", function(world)
    local g = world:app().globals
    for _, name in ipairs { "ffi", "utf8", "dofile", "loadfile", "module" } do t.equal(rawget(g, name), nil, name) end
    for _, name in ipairs { "unpack", "pack", "move", "new" } do t.equal(g.table[name], nil, name) end
    for _, name in ipairs { "pack", "unpack", "buffer" } do t.equal(g.string[name], nil, name) end
    t.equal(g.coroutine.isyieldable, nil)
    for _, name in ipairs { "ffi", "socket", "os", "table.new", "string.buffer", "../run", "/etc/passwd", "nothing.here" } do
      t.raises("not found", g.require, name)
    end
  end)

  test("html5", "jit is absent, html5.run is there", function(world)
    local app = world:app { page = "https:" }
    t.equal(app.globals.jit, nil)
    t.equal(app.globals.html5.run("window.location.protocol"), "https:")
    t.equal(app.globals._VERSION, "Lua 5.1")
  end)

  test("native", "html5 is absent (from source, unrecorded)", function(world)
    t.equal(world:app().globals.html5, nil)
  end)

  test("both", "a program without extension-websocket has no such global", function(world)
    t.equal(world:app({ without = { websocket = true } }).globals.websocket, nil)
  end)

  test("both", "bit and zlib are present", function(world)
    local g = world:app().globals
    t.equal(g.bit.bxor(5, 3), 6)
    t.equal(g.zlib.inflate(g.zlib.deflate(("airboat"):rep(100))), ("airboat"):rep(100))
  end)

  test("both", "json.encode: 14 digits, {} for an empty table, functions become strings, NaN raises, holes are null", function(world)
    local json = world:app().globals.json
    t.equal(json.encode({ 9007199254740991 }), "[9.007199254741e+15]")
    t.equal(json.encode({}), "{}")
    t.equal(json.encode({}, { encode_empty_table_as_object = false }), "[]")
    t.equal(json.encode({ 0.1, true, "a\"\n" }), '[0.1,true,"a\\"\\n"]')
    t.equal(json.encode({ [1] = 1, [3] = 3 }), "[1,null,3]")
    t.check(json.encode({ f = print }):find('^{"f":"function'))
    t.raises("NaN", json.encode, { 0 / 0 })
    t.raises("Inf", json.encode, { math.huge })
  end)

  test("both", "json.decode: null is nothing, bad input raises", function(world)
    local json = world:app().globals.json
    t.equal(json.decode('{"a": [1, null, 3], "b": "\\u00e9\\ud83d\\ude00", "c": -1.5e3}'), { a = { 1, nil, 3 }, b = "é😀", c = -1500 })
    t.equal(json.decode("[null]", { decode_null_as_userdata = true }), { json.null })
    for _, bad in ipairs { "", "{", "[1,]", "nul", '{"a" 1}', '"open', "[1] x", "\0" } do
      t.check(not pcall(json.decode, bad), bad .. " was taken")
    end
    t.raises("string expected", json.decode, nil)
  end)

  test("both", "saves: {} when absent, NUL and all survive, functions raise", function(world)
    local app = world:app()
    local sys = app.globals.sys
    local path = sys.get_save_file("airboat", "device")
    t.equal(sys.load(path), {})
    local data = { id = "a\0b\255\"\\\n", list = { 1, 2.5, { true } } }
    t.equal(sys.save(path, data), true)
    t.equal(sys.load(path), data)
    t.raises("unsupported", sys.save, path, { print })
    local again = world:app { home = app.home }
    t.equal(again.globals.sys.load(path), data)
  end)

  test("both", "blocked storage: saving raises, loading finds nothing", function(world)
    local sys = world:app({ storage = "blocked" }).globals.sys
    local path = sys.get_save_file("airboat", "device")
    t.raises("Could not write", sys.save, path, {})
    t.equal(sys.load(path), {})
  end)

  test("both", "a damaged file raises when loaded (from source, unrecorded)", function(world)
    local app = world:app()
    local sys = app.globals.sys
    local path = sys.get_save_file("airboat", "device")
    sys.save(path, { 1 })
    local file = io.open(path, "wb")
    file:write("\1\2\3")
    file:close()
    t.raises("Could not read", sys.load, path)
  end)

  test("both", "configuration of one's own sections, and what machine this is", function(world)
    local sys = world:app({ config = { ["airboat.host"] = "ws://example:1", ["airboat.n"] = "2.5" } }).globals.sys
    t.equal({ sys.get_config_string("airboat.host"), sys.get_config_number("airboat.n"), sys.get_config_int("airboat.n"), sys.get_config_string("airboat.x", "d"), sys.get_config_int("airboat.x", 7) },
      { "ws://example:1", 2.5, 2, "d", 7 })
    t.equal({ sys.get_sys_info().system_name, sys.get_sys_info().device_ident }, { world.profile == "html5" and "HTML5" or "Linux", "" })
  end)

  test("both", "hashes and URLs compare by what they name", function(world)
    local app = world:app()
    local g = app.globals
    t.check(g.hash("a") == g.hash("a") and g.hash("a") ~= g.hash("b"))
    t.equal({ tostring(g.hash("a")), #g.hash_to_hex(g.hash("a")) }, { "hash: [a]", 16 })
    app:as(app:script({}, "/x"), function() t.check(g.msg.url() == g.msg.url("/x#script") and g.msg.url() ~= g.msg.url("/x")) end)
  end)

  test("both", "vmath takes vectors of one kind, and components are numbers", function(world)
    local vmath = world:app().globals.vmath
    local v = vmath.lerp(0.5, vmath.vector3(0, 0, 0), vmath.vector3(2, 4, 6))
    t.equal({ v.x, v.y, v.z, vmath.length(vmath.vector3(3, 4, 0)), vmath.lerp(0.25, 0, 4) }, { 1, 2, 3, 5, 1 })
    t.raises("bad component", function() v.x = "1" end)
    t.raises("no field", function() return v.w end)
    t.raises("number expected", vmath.vector3, 1, 2)
    t.check(vmath.vector3(1) == vmath.vector3(1, 1, 1))
    local half = vmath.slerp(0.5, vmath.quat_rotation_z(0), vmath.quat_rotation_z(math.pi / 2))
    t.check(math.abs(half.z - math.sin(math.pi / 8)) < 1e-9)
  end)

  -- What differs between the two kinds of Lua that the engine has; a client may lean on neither.
  test("none", "the interpreters differ as the engine's two do", function()
    local function same(source) return loadstring("return " .. source)() end
    local rows = {
      { "goto", loadstring("goto x ::x::") ~= nil, jit ~= nil },
      { "\\x41 in a string", #same('"\\x41"'), jit and 1 or 3 },
      { "xpcall passes arguments", select(2, xpcall(function(a) return a end, function() end, 1)), jit and 1 or nil },
      { "yield across pcall", coroutine.wrap(function() return (pcall(coroutine.yield, 1)) end)() == 1, jit ~= nil },
      { "format of nil", (pcall(string.format, "%s", nil)), jit ~= nil },
      { "rep with a separator", same('("x"):rep(2, ",")'), jit and "x,x" or "xx" },
      { "load of a text", (pcall(load, "return 1")), jit ~= nil },
      { "// is no operator", loadstring("return 7 // 2"), nil },
      { "& is no operator", loadstring("return 7 & 2"), nil },
      { "__len of tables", #setmetatable({}, { __len = function() return 7 end }), 0 },
      { "2^53 has 14 digits", tostring(2 ^ 53), "9.007199254741e+15" },
      { "%.17g is exact", ("%.17g"):format(2 ^ 53), "9007199254740992" },
    }
    for _, row in ipairs(rows) do t.equal({ row[2] }, { row[3] }, row[1]) end
  end)

  test("both", "two programs share nothing", function(world)
    local one, two = world:app(), world:app()
    one.globals.left_behind = true
    one.globals.table.odd = true
    t.equal({ rawget(two.globals, "left_behind"), two.globals.table.odd, rawget(_G, "left_behind"), table.odd }, {})
  end)
end
