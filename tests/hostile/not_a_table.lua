-- Returns no table.
-- expect: refused at load

return 5
