-- As many questions and writes as a tick takes, and ten thousand more.
-- expect: error or overrun

return {
  saved = true, answers = { got = function() end },
  tick = function(room)
    for i = 1, 10000 do pcall(room.store.set, room.store, "k" .. i, i) end
    for i = 1, 10000 do room.store:get("k" .. i, "got", i) end
  end,
}
