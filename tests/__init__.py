"""Tests of WhatsApp Link."""
