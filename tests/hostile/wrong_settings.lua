-- Settings of wrong kinds.
-- expect: refused at load

return { tick_rate = 0 / 0, seats = { -1, 1e9 }, tick = 5 }
